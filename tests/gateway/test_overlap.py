"""The caller's voice over the agent's: what stops it, what doesn't, and how it goes on."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from tests.gateway.test_call_machine import GRANT, Log, puts
from voice_gateway.call_machine import CallMachine
from voice_gateway.commands import Command, Start, Stop

YIELDS = d.YieldGranted(
    backchannels=("mm-hm", "okay", "uh-huh"),
    answers=("okay",),
    most_words=3,
    yield_after_ms=500,
    backchannel_ms=1200,
    resume_after_ms=2000,
)


class Call:
    """A call in which the agent says ``line`` from 1,000 ms on. Times are ms."""

    def __init__(
        self,
        line: str = "Your card is on its way.",
        yields: d.YieldGranted | None = YIELDS,
        fillers: tuple[str, ...] = (),
        unfinished: tuple[str, ...] = (),
    ) -> None:
        self.machine = CallMachine("c", "g", 1)
        self.log = Log(self.machine)
        self.log.read_back(self.machine.begin(0.0), 0.0)
        grant = d.StandingGranted(
            take=1,
            phrases=GRANT.phrases,
            closing=GRANT.closing,
            hold_marks_ms=GRANT.hold_marks_ms,
            hard_ms=GRANT.hard_ms,
            guarded_by=(),
            yields=yields,
            fillers=fillers,
            unfinished=unfinished,
        )
        self.log.read_back(self.log.read(grant, 0.0), 0.0)
        opened = d.TurnOpened(
            cause="greeting",
            speech_ended_at_us=0,
            hold_marks_ms=(),
            holding=(),
            give_up_ms=4000,
            hard_ms=5000,
        )
        self.log.read(opened, 0.0, turn_id="t1")
        for at_ms in range(0, 1000, 50):
            self.machine.tick(float(at_ms))
        self.choose("t1", "t1.c", line, 1000.0)
        self.ticks(1000, 1500)

    def choose(self, turn_id: str, candidate_id: str, line: str, now_ms: float) -> list[Command]:
        chosen = d.ReplyChosen(
            candidate_id=candidate_id,
            text=line,
            intent="x",
            answers_through=self.log.seq,
            take=1,
            action="answer",
        )
        return [*self.log.read(chosen, now_ms, turn_id=turn_id), *self.machine.prepared(candidate_id, now_ms)]

    def ticks(self, from_ms: int, to_ms: int) -> list[Command]:
        commands: list[Command] = []
        for at_ms in range(from_ms, to_ms + 1, 50):
            commands += self.done(self.machine.tick(float(at_ms)), float(at_ms))
        return commands

    def done(self, commands: list[Command], now_ms: float, heard: str = "Your card") -> list[Command]:
        """What a gateway makes of it: audio that is stopped is told back."""
        if any(isinstance(command, Stop) for command in commands):
            return [*commands, *self.machine.stopped(heard, now_ms)]
        return commands


def facts(commands: Iterable[Command]) -> list[Payload]:
    return [put.payload for put in puts(commands)]


def stops(commands: Iterable[Command]) -> bool:
    return any(isinstance(command, Stop) for command in commands)


def test_a_backchannel_neither_stops_the_agent_nor_opens_a_turn() -> None:
    call = Call()
    commands = call.machine.speech_began(1500.0)
    commands += call.machine.words("mm-hm", 1700.0)
    commands += call.machine.voice(False, 1900.0)
    commands += call.ticks(1950, 2300)
    commands += call.machine.maybe_ended("Mm-hm.", 1740.0, 2300.0, 0.8)
    commands += call.machine.utterance_ended("Mm-hm.", 1740.0, 2500.0, 0.9)
    assert not stops(commands)
    assert facts(commands) == [f.BackchannelHeard(utterance_id="b1.1", sound_id="t1.c", text="Mm-hm.")]
    assert call.machine.playing is not None


@pytest.mark.parametrize("words", ["stop", "no wait", "hold on", "actually", "okay but"])
def test_other_words_stop_the_agent_at_once(words: str) -> None:
    call = Call()
    assert call.machine.speech_began(1500.0) == []
    commands = call.machine.words(words, 1620.0)
    assert isinstance(commands[0], Stop)
    assert facts(commands) == [f.CallerSpeechStarted(utterance_id="u1.1", spoke_over_ms=120.0)]


def test_the_first_word_of_a_backchannel_of_two_does_not_stop_the_agent() -> None:
    call = Call()
    commands = call.machine.speech_began(1500.0)
    commands += call.machine.words("uh", 1650.0)
    commands += call.ticks(1650, 1750)
    commands += call.machine.words("uh huh", 1800.0)
    commands += call.machine.voice(False, 1900.0)
    commands += call.machine.utterance_ended("Uh-huh.", 1880.0, 2300.0, 0.9)
    assert not stops(commands)
    assert facts(commands) == [f.BackchannelHeard(utterance_id="b1.1", sound_id="t1.c", text="Uh-huh.")]


@pytest.mark.parametrize(("words", "at_ms"), [("uh wait", 1700.0), ("uh", 2000.0)])
def test_half_a_backchannel_stops_the_agent_with_another_word_or_when_the_voice_goes_on(
    words: str, at_ms: float
) -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    assert not stops(call.machine.words("uh", 1650.0))
    assert stops(call.machine.words(words, at_ms))


def test_a_voice_that_goes_on_with_no_word_known_stops_the_agent() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    assert not stops(call.ticks(1550, 1950))
    assert stops(call.ticks(2000, 2000))


def test_a_voice_that_is_told_again_is_as_long_as_it_goes_on() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    call.machine.speech_began(1800.0)
    call.machine.voice(True, 1900.0)
    assert stops(call.ticks(2000, 2000))


def test_a_voice_that_goes_on_stops_the_agent_whatever_its_words() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    call.machine.words("okay", 1700.0)
    assert not stops(call.ticks(1750, 2650))
    assert stops(call.ticks(2700, 2700))


def test_yes_to_a_question_is_an_answer() -> None:
    call = Call("Shall I send you a new card?")
    call.machine.speech_began(1500.0)
    assert stops(call.machine.words("okay", 1700.0))


def test_humming_at_a_question_is_none() -> None:
    call = Call("Shall I send you a new card?")
    call.machine.speech_began(1500.0)
    assert not stops(call.machine.words("mm-hm", 1700.0))


def test_a_backchannel_that_is_recognised_too_late_is_dismissed_as_one() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    stopped = call.ticks(2000, 2000)
    assert stops(stopped)
    assert call.machine.maybe_ended("okay", 1980.0, 2200.0, 0.6) == []
    commands = call.machine.utterance_ended("okay", 1980.0, 2400.0, 0.9)
    assert facts(commands) == [f.CallerSpeechDismissed(utterance_id="u1.1", why="backchannel", text="okay")]


def test_a_stopped_reply_waits_for_words_only_so_long() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    call.ticks(1550, 2000)
    call.machine.voice(False, 2100.0)
    assert facts(call.ticks(2150, 4050)) == []
    assert facts(call.ticks(4100, 4100)) == [f.CallerSpeechDismissed(utterance_id="u1.1")]


def test_the_wait_for_words_begins_where_the_voice_ended_though_it_stopped_the_agent_by_then() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    call.ticks(1550, 1950)
    assert stops(call.done(call.machine.voice(False, 2010.0), 2010.0))
    assert facts(call.ticks(2050, 4000)) == []
    assert facts(call.ticks(4050, 4050)) == [f.CallerSpeechDismissed(utterance_id="u1.1")]


def test_words_that_come_after_all_stop_the_agent_again() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    call.ticks(1550, 2000)
    call.machine.voice(False, 2100.0)
    call.log.read_back(call.ticks(2150, 4100), 4100.0)
    rest = d.TurnOpened(
        cause="resume", speech_ended_at_us=0, hold_marks_ms=(), holding=(), give_up_ms=4000, hard_ms=5000
    )
    call.log.read(rest, 4100.0, turn_id="t2")
    assert any(isinstance(command, Start) for command in call.choose("t2", "t2.c", "is on its way.", 4150.0))
    commands = call.machine.utterance_ended("what about the fee", 2090.0, 4200.0, 0.9)
    assert stops(commands)
    assert isinstance(facts(commands)[-1], f.UtteranceHeard)


def test_who_goes_on_when_the_agent_has_finished_has_the_word() -> None:
    call = Call()
    call.machine.speech_began(1500.0)
    commands = call.machine.finished("Your card is on its way.", 1800.0)
    assert facts(commands)[-1] == f.CallerSpeechStarted(utterance_id="u1.1", spoke_over_ms=300.0)
    heard = facts(call.machine.utterance_ended("okay", 1900.0, 2300.0, 0.9))
    assert isinstance(heard[-1], f.UtteranceHeard)


def test_where_nothing_is_granted_about_it_any_voice_stops_the_agent() -> None:
    call = Call(yields=None)
    assert stops(call.machine.speech_began(1500.0))
