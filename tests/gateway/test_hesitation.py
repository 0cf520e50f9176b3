"""An "uh" that the recogniser took for all that the caller says: waited out like a pause, never answered."""

from __future__ import annotations

from test_overlap import Call, facts, stops

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload

FILLERS = ("uh", "um", "mm")


def idle() -> Call:
    """The agent has said its line, and listens."""
    call = Call(fillers=FILLERS)
    call.log.read_back(call.machine.finished("Your card is on its way.", 2000.0), 2000.0)
    call.log.read(d.TurnEnded(outcome="reply", candidate_id="t1.c"), 2000.0, turn_id="t1")
    call.ticks(2000, 2950)
    return call


def says(call: Call, text: str, from_ms: int, to_ms: int) -> list[Payload]:
    """Heard 500 ms after its end."""
    commands = call.done(call.machine.speech_began(from_ms + 150.0), from_ms + 150.0)
    commands += call.ticks(from_ms + 150, to_ms)
    commands += call.done(call.machine.voice(False, to_ms + 160.0), to_ms + 160.0)
    commands += call.machine.maybe_ended(text, float(to_ms), to_ms + 200.0, 0.6)
    commands += call.machine.utterance_ended(text, float(to_ms), to_ms + 500.0, 0.8)
    return facts(commands)


def heard(text: str, *, final: bool, since_ms: float, confidence: float) -> f.UtteranceHeard:
    return f.UtteranceHeard(
        utterance_id="u1.1", text=text, final=final, confidence=confidence, since_speech_end_ms=since_ms
    )


def test_a_filler_alone_is_no_utterance_and_is_dismissed_once_nothing_follows() -> None:
    call = idle()
    assert says(call, "Uh.", 3000, 3300) == [f.CallerSpeechStarted(utterance_id="u1.1")]
    assert facts(call.ticks(3800, 5400)) == []
    told = f.CallerSpeechDismissed(utterance_id="u1.1", why="filler", text="Uh.")
    assert facts(call.ticks(5450, 9000)) == [told]


def test_what_follows_on_a_filler_is_the_same_utterance() -> None:
    call = idle()
    says(call, "Uhh...", 3000, 3300)
    says(call, "Um,", 4500, 4800)  # each is waited out from its own end
    assert facts(call.ticks(5350, 6400)) == []
    assert says(call, "I lost my card.", 6500, 7500) == [
        heard("Uhh... Um, I lost my card.", final=False, since_ms=200.0, confidence=0.6),
        heard("Uhh... Um, I lost my card.", final=True, since_ms=500.0, confidence=0.8),
    ]
    assert not any(isinstance(fact, f.CallerSpeechDismissed) for fact in facts(call.ticks(8050, 9950)))


def test_an_end_of_turn_that_was_told_nobody_is_not_taken_back() -> None:
    call = idle()
    call.machine.speech_began(3100.0)
    commands = call.machine.maybe_ended("Uh", 3300.0, 3500.0, 0.6)
    commands += call.machine.resumed(3600.0)
    assert facts(commands) == []
    (told,) = facts(call.machine.utterance_ended("Uh my card", 4300.0, 4800.0, 0.8))
    assert told == heard("Uh my card", final=True, since_ms=500.0, confidence=0.8)


def test_words_that_the_log_knows_of_end_though_only_a_filler_is_left_of_them() -> None:
    call = idle()
    call.machine.speech_began(3100.0)
    (eager,) = facts(call.machine.maybe_ended("A", 3300.0, 3500.0, 0.6))
    (final,) = facts(call.machine.utterance_ended("Uh", 3300.0, 3800.0, 0.8))
    assert (eager, final) == (
        heard("A", final=False, since_ms=200.0, confidence=0.6),
        heard("Uh", final=True, since_ms=500.0, confidence=0.8),
    )


def test_a_filler_while_an_answer_is_awaited_only_delays_it() -> None:
    call = idle()
    says(call, "Where is my card?", 3000, 3800)
    opened = d.TurnOpened(
        cause="utterance",
        utterance_id="u1.1",
        speech_ended_at_us=0,
        hold_marks_ms=(),
        holding=(),
        give_up_ms=4000,
        hard_ms=9000,
    )
    call.log.read(opened, 4300.0, turn_id="t2")
    (started,) = says(call, "Um.", 4400, 4600)
    assert started == f.CallerSpeechStarted(utterance_id="u1.2")
    told = f.CallerSpeechDismissed(utterance_id="u1.2", why="filler", text="Um.")
    assert facts(call.ticks(5100, 6900)) == [told]


def test_a_filler_that_stopped_the_agent_lets_it_go_on_after_the_pause() -> None:
    call = Call(fillers=FILLERS)
    told = says(call, "Uhhhh.", 1500, 2300)  # more voice than is waited for without a word
    assert {type(fact) for fact in told} == {f.CallerSpeechStarted, f.SpeechInterrupted}
    assert facts(call.ticks(2850, 4400)) == []
    dismissed = f.CallerSpeechDismissed(utterance_id="u1.1", why="filler", text="Uhhhh.")
    assert facts(call.ticks(4450, 5000)) == [dismissed]


def test_a_filler_that_is_over_before_it_stops_the_agent_stops_nothing() -> None:
    call = Call(fillers=FILLERS)
    commands = call.machine.speech_began(1500.0)
    commands += call.machine.words("um", 1600.0)
    commands += call.ticks(1600, 1700)
    commands += call.machine.voice(False, 1750.0)
    commands += call.machine.utterance_ended("Um.", 1740.0, 2250.0, 0.9)
    assert not stops(commands)
    assert facts(commands) == [f.BackchannelHeard(utterance_id="b1.1", sound_id="t1.c", text="Um.")]


def test_a_word_behind_a_filler_stops_the_agent_at_once() -> None:
    call = Call(fillers=FILLERS)
    assert call.machine.speech_began(1500.0) == []
    assert call.machine.words("um", 1600.0) == []
    assert stops(call.machine.words("um stop", 1700.0))


def test_a_grant_that_names_no_filler_has_it_answered() -> None:
    call = Call()
    call.machine.finished("Your card is on its way.", 2000.0)
    told = says(call, "Uh.", 3000, 3300)
    assert [type(fact) for fact in told] == [f.CallerSpeechStarted, f.UtteranceHeard, f.UtteranceHeard]
