"""A sentence that the recogniser ended in the middle: its rest is waited for, and what there is answered if none comes."""

from __future__ import annotations

from test_hesitation import heard, says
from test_overlap import Call, facts, stops

from schemas import decisions as d
from schemas import facts as f
from tests.gateway.test_call_machine import GRANT
from voice_gateway.commands import SoundKind, Start

UNFINISHED = ("to", "my", "and", "i'd like")


def idle(unfinished: tuple[str, ...] = UNFINISHED) -> Call:
    """The agent has said its line, and listens."""
    call = Call(fillers=("uh",), unfinished=unfinished)
    call.log.read_back(call.machine.finished("Your card is on its way.", 2000.0), 2000.0)
    call.log.read(d.TurnEnded(outcome="reply", candidate_id="t1.c"), 2000.0, turn_id="t1")
    call.ticks(2000, 2950)
    return call


def test_what_follows_on_half_a_sentence_is_the_same_utterance() -> None:
    call = idle()
    assert says(call, "I want to", 3000, 3800) == [f.CallerSpeechStarted(utterance_id="u1.1")]
    assert facts(call.ticks(4350, 5000)) == []
    assert says(call, "block my card.", 5000, 5800) == [
        heard("I want to block my card.", final=False, since_ms=200.0, confidence=0.6),
        heard("I want to block my card.", final=True, since_ms=500.0, confidence=0.8),
    ]


def test_half_a_sentence_that_nothing_follows_is_told_as_it_stands() -> None:
    call = idle()
    says(call, "I'd like", 3000, 3800)
    assert facts(call.ticks(4350, 5900)) == []
    told = heard("I'd like", final=True, since_ms=2200.0, confidence=0.8)
    assert facts(call.ticks(5950, 6000)) == [told]


def test_who_was_waited_for_in_vain_waits_from_then_on() -> None:
    """The first mark is past by then, and a holding line at once would cut in on who still thinks."""
    call = idle()
    says(call, "I want to", 3000, 3800)
    commands = call.ticks(4350, 5950 + GRANT.hold_marks_ms[0] - 50)
    assert not any(isinstance(command, Start) for command in commands)
    (played,) = (c.sound for c in call.ticks(6850, 6900) if isinstance(c, Start))
    assert played.kind is SoundKind.HOLD


def test_an_uh_behind_half_a_sentence_is_part_of_it() -> None:
    call = idle()
    says(call, "I want to", 3000, 3800)
    assert says(call, "Uh.", 4500, 4800) == []
    assert says(call, "block it", 6000, 6500)[-1] == heard(
        "I want to Uh. block it", final=True, since_ms=500.0, confidence=0.8
    )


def test_a_cough_behind_half_a_sentence_changes_nothing() -> None:
    call = idle()
    says(call, "I want to", 3000, 3800)
    commands = call.machine.speech_began(4600.0)
    commands += call.machine.voice(False, 4700.0)
    commands += call.machine.speech_dismissed(5000.0)
    assert facts([*commands, *call.ticks(5000, 6650)]) == []
    (told,) = facts(call.ticks(6700, 7000))
    assert told == heard("I want to", final=True, since_ms=2900.0, confidence=0.8)


def test_half_a_sentence_over_the_agent_stops_it_and_its_rest_is_waited_for() -> None:
    call = Call(unfinished=UNFINISHED)
    told = says(call, "and my", 1500, 2300)
    assert {type(fact) for fact in told} == {f.CallerSpeechStarted, f.SpeechInterrupted}
    assert facts(call.ticks(2850, 3400)) == []
    assert says(call, "old card", 3500, 4100)[-1] == heard(
        "and my old card", final=True, since_ms=500.0, confidence=0.8
    )


def test_a_question_may_end_with_any_word() -> None:
    told = says(idle(), "Who do I talk to?", 3000, 3800)
    assert told[-1] == heard("Who do I talk to?", final=True, since_ms=500.0, confidence=0.8)


def test_a_sentence_that_the_log_knows_of_ends_wherever_it_ends() -> None:
    call = idle()
    call.machine.speech_began(3100.0)
    (eager,) = facts(call.machine.maybe_ended("I want two", 3700.0, 3900.0, 0.6))
    (final,) = facts(call.machine.utterance_ended("I want to", 3700.0, 4200.0, 0.8))
    assert (eager, final) == (
        heard("I want two", final=False, since_ms=200.0, confidence=0.6),
        heard("I want to", final=True, since_ms=500.0, confidence=0.8),
    )


def test_a_grant_that_names_no_such_word_has_it_answered() -> None:
    assert says(idle(unfinished=()), "I want to", 3000, 3800)[-1] == heard(
        "I want to", final=True, since_ms=500.0, confidence=0.8
    )


def test_words_over_the_agent_still_stop_it_at_once() -> None:
    call = Call(unfinished=UNFINISHED)
    assert call.machine.speech_began(1500.0) == []
    assert stops(call.machine.words("and", 1620.0))
