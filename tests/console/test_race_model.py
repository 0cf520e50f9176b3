"""What the terminal knows of a call is exactly what its events say, in ms from the caller's end of speech."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.race_fold import fold_all
from console.race_lanes import Lane, lanes
from console.race_model import AnswerState, SoundKind
from console.recorded_call import line_of, load
from console.timeline import compressed, linear
from schemas import decisions as d
from schemas import facts as f
from tests.console.told import Told, candidate, hedged_and_blocked

RECORDED = Path(__file__).parent.parent / "golden" / "demo_call.jsonl"


def _lane(told: Told, name: str) -> Lane:
    return next(lane for lane in lanes(told.turn) if lane.name == name)


def test_moments_count_from_the_callers_end_of_speech_and_not_from_the_turns_opening() -> None:
    turn = hedged_and_blocked().turn
    assert [round(turn.ms(words.at_s)) for words in turn.heard] == [300, 520]
    assert turn.chosen_at_s is not None
    assert round(turn.ms(turn.chosen_at_s)) == 1300


def test_a_hold_is_the_first_sound_and_never_the_first_reply() -> None:
    turn = hedged_and_blocked().turn
    assert turn.first_sound_ms == 951
    assert turn.first_reply_ms == 1500
    assert [sound.kind for sound in turn.sounds] == [SoundKind.HOLD, SoundKind.REPLY]


def test_an_honest_fallback_is_a_sound_but_no_reply() -> None:
    told = Told().hears(500, "Hm", final=True, opens=True)
    formed = d.CandidateFormed(
        candidate_id="c", speculation=1, intent="late", action="fallback", origin="approved", text="I can't say now."
    )
    told.say(5000, formed)
    told.say(
        5000, d.ReplyChosen(candidate_id="c", text="", intent="late", answers_through=1, take=1, action="fallback")
    )
    told.say(5100, f.SpeechStarted(candidate_id="c", take=1, since_speech_end_ms=5100.0))
    assert told.turn.first_sound_ms == 5100
    assert told.turn.first_reply_ms is None
    assert not told.turn.waits


def test_every_attempt_has_its_own_fate_and_reason() -> None:
    fates = {answer.answer_id: (answer.state, answer.reason) for answer in hedged_and_blocked().turn.answers}
    assert fates == {
        candidate("lost_card"): (AnswerState.CHOSEN, ""),
        candidate("lost_card", 1): (AnswerState.CANCELLED, "a sibling won"),
        candidate("card_fees"): (AnswerState.BLOCKED, "private_knowledge"),
    }


def test_an_attempt_whose_first_sentence_was_blocked_is_not_called_slower() -> None:
    told = Told().hears(300, "I lost my card", final=True, opens=True).asks(310, "lost_card")
    sentence = d.CandidateFormed(
        candidate_id=f"{candidate('lost_card')}.0",
        speculation=1,
        intent="lost_card",
        action="answer",
        origin="model",
        text="It comes tomorrow.",
        ask_id="t1.s1.answer.lost_card",
        reply=candidate("lost_card"),
        sentence=0,
    )
    told.say(600, sentence)
    told.say(600, d.CandidateDropped(candidate_id=sentence.candidate_id, reason="blocked:grounding"))
    told.say(601, f.EffectCancelled(ask_id="t1.s1.answer.lost_card", attempt=0, elapsed_ms=290.0))
    assert "cancelled: its beginning was blocked" in _lane(told, "lost_card").detail


def test_a_losers_late_answer_forms_nothing_and_is_not_shown_as_running() -> None:
    told = Told().hears(300, "I lost my card", final=True, opens=True).asks(310, "lost_card", attempts=2)
    told.returns(600, "lost_card").forms(600, "lost_card").returns(640, "lost_card", attempt=1)
    assert told.turn.answers[1].state is AnswerState.RETURNED


def test_what_a_tool_found_for_a_proposal_is_not_called_late() -> None:
    told = Told().hears(300, "Block my card", final=True, opens=True)
    asked = d.ToolRequested(
        ask_id="t1.s1.tool.block_card",
        intent="block_card",
        tool="block_card",
        arguments="{}",
        level="stepped_up",
        subject_seq=1,
        timeout_ms=2000,
    )
    told.say(310, asked)
    told.say(320, f.ToolReturned(ask_id=asked.ask_id, attempt=0, tool=asked.tool, result="{}", elapsed_ms=10.0))
    assert _lane(told, "block_card").detail.startswith("came when it wasn't needed any more")
    proposed = d.CandidateFormed(
        candidate_id="t1.s1.propose.block_card",
        speculation=1,
        intent="block_card",
        action="propose",
        origin="tool",
        text="Shall I block it?",
    )
    told.say(320, proposed)
    assert _lane(told, "block_card").detail == "found · block_card 10 ms"


def test_a_blocked_answer_names_the_guardrail_and_its_reason() -> None:
    assert "blocked by private_knowledge: internal_figure" in _lane(hedged_and_blocked(), "card_fees").detail


def test_what_was_said_is_only_what_was_played_before_the_barge_in() -> None:
    told = hedged_and_blocked()
    assert told.turn.spoken == "About lost"
    assert "“About lost”" in _lane(told, "said only").detail


def test_a_speculation_that_paid_off_says_how_much_was_gained() -> None:
    assert "speculation 1 paid off: 220 ms gained" in _lane(hedged_and_blocked(), "decided").detail


def test_a_dropped_speculation_says_why_and_what_was_thrown_away_before_the_words_ended() -> None:
    told = Told().hears(-1500, "I lost", final=False, opens=True).asks(-1490, "lost_card")
    told.say(-1300, f.UtteranceResumed(utterance_id="u-t1"), None)
    told.say(-1300, d.SpeculationDropped(speculation=1, reason="resumed"))
    told.hears(300, "I lost my card", final=False)
    told.say(300, d.SpeculationOpened(speculation=2, question="I lost my card"))
    lane = _lane(told, "speculation 1")
    assert "the caller went on" in lane.detail
    assert "1 answer thrown away" in lane.detail
    assert lane.at_ms == pytest.approx(-1300)
    assert "lost_card" not in [lane.name for lane in lanes(told.turn)]  # its answers don't race any more


def test_a_hold_before_the_turn_is_read_belongs_to_the_utterance_that_waited() -> None:
    told = Told().say(-2000, f.CallerSpeechStarted(utterance_id="u-t1"), None)
    told.holds(950, "One moment.", turn=None)
    told.hears(980, "Hello?", final=True, opens=True)
    assert [sound.text for sound in told.turn.sounds] == ["One moment."]


def test_a_refused_reply_says_why() -> None:
    told = hedged_and_blocked().say(2600, f.ReplyRefused(candidate_id="c", reason="superseded"))
    assert "superseded" in _lane(told, "refused").detail


def test_a_guardrail_cue_on_the_callers_words_is_a_pass_with_its_reason() -> None:
    told = Told().hears(300, "I feel desperate", final=False, opens=True)
    verdict = d.VerdictIssued(
        guardrail="vulnerability",
        guardrail_version="1",
        stage="input",
        candidate_id="",
        speculation=1,
        passed=True,
        required=False,
        reasons=("distress",),
        evidence=(),
    )
    detail = _lane(told.say(310, verdict), "caller's words").detail
    assert "1 of 1 guards passed" in detail
    assert "cue vulnerability: distress" in detail


def test_the_recorded_call_folds_to_the_turns_that_were_held() -> None:
    call = fold_all(read.event for read in load(RECORDED))
    causes = ["greeting", *["utterance"] * 5, "keys", "utterance", "silence", "utterance"]
    assert [turn.cause for turn in call.turns] == causes
    assert call.turns[2].interrupted
    assert call.turns[2].holds
    assert call.ended == "agent_hung_up"
    assert all(not turn.waits for turn in call.turns)


def test_a_recorded_call_reads_back_as_it_was_written(tmp_path: Path) -> None:
    recorded = load(RECORDED)
    copy = tmp_path / "copy.jsonl"
    copy.write_text("\n".join(line_of(event, read_s) for event, read_s in recorded))
    assert load(copy) == recorded


def test_idle_time_is_cut_and_busy_time_keeps_one_scale() -> None:
    timeline = compressed([0, 300, 600, 9600, 9900], width=33)
    assert timeline.column(0) == 0
    assert timeline.column(600) - timeline.column(300) == timeline.column(300) - timeline.column(0)
    assert timeline.column(9600) - timeline.column(600) == 3
    assert timeline.gaps()
    assert timeline.column(9900) == 32


@pytest.mark.parametrize("moments", [[], [5.0], [0.0, 5000.0], [float(n * 1000) for n in range(40)]])
def test_any_moments_fit_on_any_bar(moments: list[float]) -> None:
    timeline = compressed(moments, width=20)
    columns = [timeline.column(moment) for moment in moments]
    assert columns == sorted(columns)
    assert all(0 <= column < 20 for column in columns)


def test_a_moment_outside_a_linear_bar_falls_on_its_nearest_end() -> None:
    timeline = linear(1000, width=10)
    assert (timeline.column(-50), timeline.column(500), timeline.column(2000)) == (0, 5, 9)
