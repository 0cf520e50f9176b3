"""Whether the caller meant to stop the agent, as the log decides it, and what follows."""

from __future__ import annotations

import pytest
from told_by_hand import BANK, Call, of

from schemas import decisions as d
from schemas import facts as f

REPLY = "t2.s1.answer.fees.0"
WHOLE = "A new card is free of charge."
STARTED = f.CallerSpeechStarted(utterance_id="u2", spoke_over_ms=400.0)


def stopped(call: Call) -> Call:
    """The agent says the reply, and the caller's voice stops it after three words."""
    call.says("What does a new card cost", "fees")
    call.told(f.SpeechStarted(candidate_id=REPLY, take=1, since_speech_end_ms=500.0))
    call.told(f.SpeechInterrupted(candidate_id=REPLY, spoken_so_far="A new card", measured_by="word_times"))
    call.told(STARTED)
    return call


@pytest.mark.parametrize("why", ["no_words", "backchannel", "filler"])
def test_what_was_no_interruption_is_judged_so_and_the_rest_is_said(why: str) -> None:
    call = stopped(Call())
    decided = call.told(f.CallerSpeechDismissed(utterance_id="u2", why=why))
    assert of(d.InterruptionJudged, decided) == [
        d.InterruptionJudged(utterance_id="u2", candidate_id=REPLY, genuine=False)
    ]
    assert [candidate.text for candidate in of(d.CandidateFormed, decided)] == ["is free of charge."]
    assert [opened.cause for opened in of(d.TurnOpened, decided)] == ["resume"]


def test_the_rest_is_said_once() -> None:
    call = stopped(Call())
    call.told(f.CallerSpeechDismissed(utterance_id="u2", why="no_words"))
    call.hears_reply()
    call.told(f.CallerSpeechStarted(utterance_id="u3"))
    decided = call.told(f.CallerSpeechDismissed(utterance_id="u3", why="no_words"))
    assert of(d.CandidateFormed, decided) == []


def test_words_make_it_an_interruption_once() -> None:
    call = stopped(Call())
    heard = f.UtteranceHeard(utterance_id="u2", text="What about", final=False, since_speech_end_ms=100.0)
    (judged,) = of(d.InterruptionJudged, call.told(heard))
    assert judged == d.InterruptionJudged(utterance_id="u2", candidate_id=REPLY, genuine=True)
    final = f.UtteranceHeard(utterance_id="u2", text="What about travel", final=True, since_speech_end_ms=300.0)
    assert of(d.InterruptionJudged, call.told(final)) == []


def test_the_transcript_keeps_what_was_heard() -> None:
    call = stopped(Call())
    assert [line.text for line in call.conversation.transcript if line.role == "agent"][-1] == "A new card"


def test_where_no_voice_ends_a_reply_what_was_heard_of_it_is_kept_and_no_more() -> None:
    call = Call()
    call.says("What does a new card cost", "fees")
    call.told(f.SpeechStarted(candidate_id=REPLY, take=1, since_speech_end_ms=500.0))
    call.told(f.SpeechProgressed(candidate_id=REPLY, spoken_so_far="A new card"))
    closed = f.FallbackPlayed(
        phrase_id="closing", utterance_id="u1", since_speech_end_ms=6000.0, text="Please call again."
    )
    (ended,) = of(d.TurnEnded, call.told(closed))
    assert ended.outcome == "fallback"
    assert [line.text for line in call.conversation.transcript][-2:] == ["A new card", "Please call again."]


def test_a_backchannel_changes_nothing_that_anyone_waits_for() -> None:
    call = Call()
    call.says("What does a new card cost", "fees")
    call.told(f.SpeechStarted(candidate_id=REPLY, take=1, since_speech_end_ms=500.0))
    before = call.conversation
    assert call.told(f.BackchannelHeard(utterance_id="b1.1", sound_id=REPLY, text="mm-hm")) == []
    after = call.conversation
    assert (after.turn, after.last_caller_seq, after.transcript) == (
        before.turn,
        before.last_caller_seq,
        before.transcript,
    )


def test_who_coughed_is_asked_all_the_same_whether_they_are_there() -> None:
    call = Call()
    call.told(f.CallerSpeechStarted(utterance_id="u1"))
    assert not [timer for timer in call.conversation.timers.values() if timer.purpose == "silence"]
    call.now_ms += 1000
    (timer,) = of(d.TimerSet, call.told(f.CallerSpeechDismissed(utterance_id="u1")))
    assert timer.purpose == "silence"
    assert timer.due_at_us == (call.now_ms + BANK.silence.ask_after_ms) * 1000
    call.now_ms += BANK.silence.ask_after_ms
    decided = call.told(f.TimerFired(timer_id=timer.timer_id, purpose="silence"))
    assert [opened.cause for opened in of(d.TurnOpened, decided)] == ["silence"]


@pytest.mark.parametrize(("why", "asked"), [("filler", 0), ("no_words", 1)])
def test_who_hesitates_is_there(why: str, asked: int) -> None:
    call = Call()
    call.now_ms += BANK.silence.ask_after_ms
    (timer,) = [timer for timer in call.conversation.timers.values() if timer.purpose == "silence"]
    (question,) = of(d.CandidateFormed, call.told(f.TimerFired(timer_id=timer.timer_id, purpose="silence")))
    call.told(f.SpeechStarted(candidate_id=question.candidate_id, take=1))
    call.told(f.SpeechCompleted(candidate_id=question.candidate_id, spoken=question.text))
    call.told(f.CallerSpeechStarted(utterance_id="u1"))
    (listening,) = of(d.TimerSet, call.told(f.CallerSpeechDismissed(utterance_id="u1", why=why, text="Uh.")))
    assert listening.purpose == "silence"
    assert call.conversation.silences == asked


def test_a_behaviour_without_barge_in_judges_nothing_and_grants_nothing() -> None:
    call = Call(BANK.model_copy(update={"barge_in": None}))
    stopped(call)
    decided = call.told(f.CallerSpeechDismissed(utterance_id="u2"))
    assert of(d.InterruptionJudged, decided) == []
    assert [candidate.text for candidate in of(d.CandidateFormed, decided)] == ["is free of charge."]
