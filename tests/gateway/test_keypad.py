"""Keys of the caller's phone: a fact each; who keys something in has heard enough of a reply, and is answered."""

from __future__ import annotations

from test_call_machine import Log, answered, puts

from schemas import decisions as d
from schemas import facts as f
from voice_gateway.call_machine import CallMachine
from voice_gateway.commands import SoundKind, Start, Stop

CHOSEN = d.ReplyChosen(
    candidate_id="a", text="What is the code?", intent="block", answers_through=0, take=1, action="challenge"
)


def saying() -> tuple[CallMachine, Log]:
    machine, log = answered()
    opened = d.TurnOpened(
        cause="greeting", speech_ended_at_us=0, hold_marks_ms=(), holding=(), give_up_ms=4000, hard_ms=5000
    )
    log.read(opened, 0.0, turn_id="t1")
    log.read(CHOSEN, 0.0, turn_id="t1")
    log.read_back(machine.prepared("a", 0.0), 0.0)
    assert machine.playing is not None
    return machine, log


def test_a_key_is_a_fact_and_stops_the_reply_that_plays() -> None:
    machine, _ = saying()
    commands = machine.key_pressed("4", 100.0)
    assert isinstance(commands[0], Stop)
    assert [put.payload for put in puts(commands)] == [f.KeyPressed(key="4")]


def test_a_key_stops_no_line_that_was_granted() -> None:
    machine, log = answered()
    log.read_back(machine.speech_began(0.0), 0.0)
    log.read_back(machine.utterance_ended("Block my card", 100.0, 100.0, 0.9), 100.0)
    held: list[object] = []
    for at_ms in range(100, 1200, 50):
        held += [c for c in machine.tick(float(at_ms)) if isinstance(c, Start) and c.sound.kind is SoundKind.HOLD]
    assert held
    assert not any(isinstance(command, Stop) for command in machine.key_pressed("4", 1210.0))


def test_a_reply_that_is_older_than_a_key_isnt_started() -> None:
    machine, log = answered()
    opened = d.TurnOpened(
        cause="greeting", speech_ended_at_us=0, hold_marks_ms=(), holding=(), give_up_ms=4000, hard_ms=5000
    )
    log.read(opened, 0.0, turn_id="t1")
    machine.key_pressed("4", 10.0)
    refused = [put.payload for put in puts(log.read(CHOSEN, 20.0, turn_id="t1"))]
    assert refused == [f.ReplyRefused(candidate_id="a", reason="superseded")]


def test_who_keyed_something_in_hears_a_holding_line_while_they_wait() -> None:
    machine, log = answered()
    opened = d.TurnOpened(
        cause="keys", speech_ended_at_us=0, hold_marks_ms=(900,), holding=("h1",), give_up_ms=4000, hard_ms=5000
    )
    log.read(opened, 0.0, turn_id="t2")
    started = [c for at_ms in range(0, 1000, 50) for c in machine.tick(float(at_ms)) if isinstance(c, Start)]
    assert [command.sound.sound_id for command in started] == ["h1"]


def test_after_the_call_keys_are_nothing() -> None:
    machine, _ = answered()
    machine.media_ended("caller_hung_up")
    assert machine.key_pressed("4", 10.0) == []
