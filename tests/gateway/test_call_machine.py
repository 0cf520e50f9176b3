"""What a gateway may start: told to the state machine by hand, one input after another."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact, Kind, Payload
from schemas.event import Event, new_id
from voice_gateway.call_machine import CallMachine
from voice_gateway.commands import Command, Put, SoundKind, Start

GRANT = d.StandingGranted(
    take=1,
    phrases=(
        d.GrantedPhrase("h1", "acknowledge", "looking_up", "One moment."),
        d.GrantedPhrase("h2", "acknowledge", "still_working", "Still at it."),
    ),
    closing=d.GrantedPhrase("closing", "apologise", "close", "Please call again."),
    hold_marks_ms=(900,),
    hard_ms=5000,
    guarded_by=(),
)


class Log:
    """Gives what is put a place, as an owner would."""

    def __init__(self, machine: CallMachine) -> None:
        self.machine, self.seq = machine, 0

    def read(self, payload: Payload, now_ms: float, *, event_id: str = "", turn_id: str | None = None) -> list[Command]:
        self.seq += 1
        kind = Kind.FACT if isinstance(payload, Fact) else Kind.DECISION
        return self.machine.read(
            Event(
                event_id=event_id or new_id(),
                type=type(payload).__name__,
                schema_version=1,
                conversation_id="c",
                seq=self.seq,
                kind=kind,
                turn_id=turn_id,
                payload=payload,
            ),
            now_ms,
        )

    def read_back(self, commands: Iterable[Command], now_ms: float) -> None:
        for put in puts(commands):
            self.read(put.payload, now_ms, event_id=put.event_id, turn_id=put.turn_id)


def puts(commands: Iterable[Command]) -> list[Put]:
    return [command for command in commands if isinstance(command, Put)]


def replies_started(commands: Iterable[Command]) -> list[str]:
    return [c.sound.sound_id for c in commands if isinstance(c, Start) and c.sound.kind is SoundKind.REPLY]


def answered() -> tuple[CallMachine, Log]:
    machine = CallMachine("c", "g", 1)
    log = Log(machine)
    log.read_back(machine.begin(0.0), 0.0)
    log.read_back(log.read(GRANT, 0.0), 0.0)
    return machine, log


def opened(utterance_id: str) -> d.TurnOpened:
    return d.TurnOpened(
        cause="utterance",
        utterance_id=utterance_id,
        speech_ended_at_us=0,
        hold_marks_ms=(900,),
        holding=("h1",),
        give_up_ms=4000,
        hard_ms=5000,
    )


def offer(log: Log, now_ms: float) -> list[Command]:
    """The caller's question, its turn, and a reply to it whose audio is there. The loop didn't stand still till then."""
    for at_ms in range(0, int(now_ms), 50):
        log.machine.tick(float(at_ms))
    log.read(opened("u1.1"), now_ms, turn_id="t1")
    chosen = d.ReplyChosen(
        candidate_id="t1.c", text="Here you are.", intent="x", answers_through=log.seq, take=1, action="answer"
    )
    commands = log.read(chosen, now_ms, turn_id="t1")
    return [*commands, *log.machine.prepared("t1.c", now_ms)]


def test_a_reply_that_answers_all_that_was_put_and_read_is_started() -> None:
    machine, log = answered()
    log.read_back(machine.speech_began(100.0), 100.0)
    log.read_back(machine.utterance_ended("a question", 400.0, 600.0, 0.9), 600.0)
    assert replies_started(offer(log, 700.0)) == ["t1.c"]


def test_a_reply_isnt_started_while_something_the_caller_did_is_still_on_its_way() -> None:
    machine, log = answered()
    log.read_back(machine.speech_began(100.0), 100.0)
    log.read_back(machine.utterance_ended("a question", 400.0, 600.0, 0.9), 600.0)
    machine.speech_began(650.0)  # put, not read back
    commands = offer(log, 700.0)
    assert replies_started(commands) == []
    assert any(isinstance(put.payload, f.ReplyRefused) for put in puts(commands))


def test_a_fact_that_became_a_dead_letter_doesnt_silence_the_rest_of_the_call() -> None:
    machine, log = answered()
    machine.speech_began(100.0)  # never reaches the log
    log.read(f.FactDropped(partition=0, offset=3, reason="undecodable"), 200.0)
    log.read_back(machine.utterance_ended("a question", 400.0, 600.0, 0.9), 600.0)
    assert replies_started(offer(log, 700.0)) == ["t1.c"]


def test_who_takes_a_call_plays_a_line_for_the_turn_that_is_open_whatever_comes_late_of_an_earlier_one() -> None:
    machine = CallMachine("c", "other", 2)
    log = Log(machine)
    machine.begin(0.0)
    log.read(opened("u1.1"), 0.0, turn_id="t1")
    log.read(opened("u1.2"), 0.0, turn_id="t2")
    log.read(f.SpeechStarted(candidate_id="t1.c", take=1), 0.0, turn_id="t1")  # long ago, told by another gateway
    log.read(replace(GRANT, take=2), 0.0)
    heard = [command for at_ms in range(50, 6000, 50) for command in machine.tick(float(at_ms))]
    assert [c.sound.kind for c in heard if isinstance(c, Start)][:1] == [SoundKind.HOLD]


def test_who_takes_a_call_owes_nothing_for_a_turn_whose_reply_was_begun() -> None:
    machine = CallMachine("c", "other", 2)
    log = Log(machine)
    machine.begin(0.0)
    log.read(opened("u1.1"), 0.0, turn_id="t1")
    log.read(f.SpeechStarted(candidate_id="t1.c", take=1), 0.0, turn_id="t1")
    log.read(replace(GRANT, take=2), 0.0)
    assert not any(isinstance(c, Start) for at_ms in range(50, 6000, 50) for c in machine.tick(float(at_ms)))


# --- a line that would cut in ahead of the answer ---


def waiting_since_600() -> Log:
    """The caller's question ended at 400 ms and is a turn with marks at 900 and 1,500 ms of it."""
    machine, log = answered()
    log.read_back(machine.speech_began(100.0), 100.0)
    log.read_back(machine.utterance_ended("a question", 400.0, 600.0, 0.9), 600.0)
    turn = replace(opened("u1.1"), hold_marks_ms=(900, 1500), holding=("h1", "h2"))
    log.read(turn, 600.0, turn_id="t1")
    until(log, 50, 650)
    return log


def until(log: Log, from_ms: int, to_ms: int) -> list[tuple[int, str]]:
    """What is started from tick to tick, 50 ms apart: (when, sound)."""
    return [
        (at_ms, command.sound.sound_id)
        for at_ms in range(from_ms, to_ms, 50)
        for command in log.machine.tick(float(at_ms))
        if isinstance(command, Start)
    ]


def choose(log: Log, now_ms: float) -> None:
    chosen = d.ReplyChosen(
        candidate_id="t1.c", text="Here you are.", intent="x", answers_through=log.seq, take=1, action="answer"
    )
    log.read(chosen, now_ms, turn_id="t1")


def test_no_second_line_follows_on_the_first_while_the_answer_is_being_rendered() -> None:
    log = waiting_since_600()
    assert until(log, 650, 2000) == [(1300, "h1")]
    choose(log, 1900.0)
    log.machine.finished("One moment.", 2000.0)  # its second mark came while it played
    assert until(log, 2000, 2150) == []
    assert replies_started(log.machine.prepared("t1.c", 2140.0)) == ["t1.c"]


def test_a_voice_that_is_late_leaves_no_silence() -> None:
    log = waiting_since_600()
    until(log, 650, 2000)
    choose(log, 1900.0)
    log.machine.finished("One moment.", 2000.0)
    assert until(log, 2000, 3000) == [(2150, "h2")]  # a quarter of a second after the choice


def test_who_has_heard_nothing_yet_gets_a_line_at_its_mark_whatever_is_being_rendered() -> None:
    log = waiting_since_600()
    choose(log, 1299.0)
    assert until(log, 650, 1350) == [(1300, "h1")]


def test_who_takes_a_call_waits_for_a_reply_that_no_voice_renders_though_it_had_begun_elsewhere() -> None:
    machine = CallMachine("c", "other", 2)
    log = Log(machine)
    machine.begin(0.0)
    log.read(opened("u1.1"), 0.0, turn_id="t1")
    log.read(f.SpeechStarted(candidate_id="t1.c", take=1), 0.0, turn_id="t1")  # by the gateway that died in it
    log.read(replace(GRANT, take=2), 0.0)
    again = d.ReplyChosen(
        candidate_id="t1.c", text="Here you are.", intent="x", answers_through=log.seq, take=2, action="answer"
    )
    log.read(again, 0.0, turn_id="t1")
    assert until(log, 50, 100) == []
    machine.preparation_failed("t1.c", "unavailable", 100.0)
    heard = until(log, 100, 1050)
    log.machine.finished("One moment.", 2000.0)
    assert [*heard, *until(log, 2000, 6000)] == [(1000, "h1"), (5100, "closing")]


def _asks_and_waits(machine: CallMachine, log: Log, now_ms: float, *, until_ms: float) -> list[Command]:
    """The caller's question, whose words are final half a second later, and time going by."""
    log.read_back(machine.speech_began(now_ms), now_ms)
    log.read_back(machine.utterance_ended("a question", now_ms + 300, now_ms + 500, 0.9), now_ms + 500)
    commands: list[Command] = []
    for at_ms in range(int(now_ms), int(until_ms), 50):
        commands += machine.tick(float(at_ms))
        if machine.playing and machine.playing.kind is not SoundKind.REPLY:
            commands += machine.finished(machine.playing.text, float(at_ms))
    return commands


def test_a_reply_between_closing_lines_begins_their_count_anew() -> None:
    machine, log = answered()
    _asks_and_waits(machine, log, 100.0, until_ms=6000.0)
    for at_ms in range(6000, 6550, 50):
        machine.tick(float(at_ms))
    log.read_back(machine.speech_began(6500.0), 6500.0)
    log.read_back(machine.utterance_ended("another one", 6500.0, 6500.0, 0.9), 6500.0)
    log.read(opened("u1.2"), 6500.0, turn_id="t2")
    chosen = d.ReplyChosen(
        candidate_id="t2.c", text="Here you are.", intent="x", answers_through=log.seq, take=1, action="answer"
    )
    log.read(chosen, 6500.0, turn_id="t2")
    assert replies_started(machine.prepared("t2.c", 6500.0)) == ["t2.c"]
    machine.finished("Here you are.", 6550.0)
    commands = _asks_and_waits(machine, log, 6600.0, until_ms=12500.0)
    assert [put.payload.phrase_id for put in puts(commands) if isinstance(put.payload, f.FallbackPlayed)] == ["closing"]
    assert not machine.ended
    _asks_and_waits(machine, log, 12500.0, until_ms=18500.0)
    assert machine.ended  # the second in a row
