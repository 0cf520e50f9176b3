"""Replays aggregates with pyeventsourcing from a SQLite file: run by the peers' Python, told what to do on stdin.

``eventsourcing_replay.py DIRECTORY AGGREGATES EVENTS VALUES STYLE`` writes so many aggregates of so many events each, says
``ready``, and for each line on stdin replays all of them once and prints the events a second of CPU. Each event carries five
values, and ``VALUES`` more of the length of an id.

Two styles of its documentation: ``declared``, the tutorial's, with the library's default mapper and JSON transcoder; and
``msgspec``, its fastest (https://eventsourcing.readthedocs.io/en/stable/topics/examples/aggregate9.html): immutable structs, a
functional mutator, and a mapper without a transcoder, in MessagePack as in the library's own ``eventsourcing.dcb.msgpack``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import singledispatch
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, datetime_now_with_tzinfo, event
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import get_topic, resolve_topic

_AT_ONCE = 50  # events that are saved together
_TEXT = "A new card takes three to five working days by post."
Replay = Callable[[], int]
"""Replays everything once; how many events that were."""


class Call(Aggregate):
    """Remembers as much as a fold must: how many, the newest text, what is open."""

    def __init__(self) -> None:
        self.noted = 0
        self.newest = ""
        self.open: dict[str, str] = {}

    @event("Noted")
    def note(self, turn_id: str, ask_id: str, text: str, attempt: int, elapsed_ms: float, more: dict[str, str]) -> None:
        self.noted += 1
        self.newest = text
        self.open = {ask_id: turn_id}


def _declared(app: Application[UUID], aggregates: int, events: int, more: dict[str, str]) -> Replay:
    ids = []
    for _ in range(aggregates):
        call = Call()
        for number in range(events - 1):
            call.note(f"t{number % 9}", f"t{number % 9}.s1.answer", _TEXT, number % 2, 412.5, more)
            if len(call.pending_events) >= _AT_ONCE:
                app.save(call)
        app.save(call)
        ids.append(call.id)
    return lambda: sum(app.repository.get(aggregate_id).version for aggregate_id in ids)


# --- the same as structs -----------------------------------------------------------------------------------------------


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    originator_id: UUID
    originator_version: int
    timestamp: datetime = msgspec.field(default_factory=datetime_now_with_tzinfo)


class Rang(Happened, frozen=True):
    pass


class Noted(Happened, frozen=True):
    turn_id: str
    ask_id: str
    text: str
    attempt: int
    elapsed_ms: float
    more: dict[str, str]


class Folded(msgspec.Struct, frozen=True):
    id: UUID
    version: int
    noted: int = 0
    newest: str = ""
    open: dict[str, str] = {}


@singledispatch
def _mutated(happened: Any, call: Folded | None) -> Folded:
    raise TypeError(type(happened))


@_mutated.register
def _(happened: Rang, call: None) -> Folded:
    return Folded(happened.originator_id, happened.originator_version)


@_mutated.register
def _(happened: Noted, call: Folded) -> Folded:
    is_open = {happened.ask_id: happened.turn_id}
    return Folded(call.id, happened.originator_version, call.noted + 1, happened.text, is_open)


def _projected(call: Folded | None, events: Iterable[Any]) -> Folded | None:
    for happened in events:
        call = _mutated(happened, call)
    return call


class StructMapper(Mapper[UUID]):
    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=get_topic(type(domain_event)),
            state=msgspec.msgpack.encode(domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        return msgspec.msgpack.decode(stored_event.state, type=resolve_topic(stored_event.topic))


class NoTranscoder(Transcoder):
    def encode(self, obj: Any) -> bytes:
        raise TypeError("the mapper encodes")

    def decode(self, data: bytes) -> Any:
        raise TypeError("the mapper decodes")


def _as_structs(app: Application[UUID], aggregates: int, events: int, more: dict[str, str]) -> Replay:
    ids = []
    for _ in range(aggregates):
        name = uuid4()
        made: list[Any] = [Rang(originator_id=name, originator_version=1)]
        for number in range(events - 1):
            turn = f"t{number % 9}"
            noted = Noted(
                originator_id=name, originator_version=number + 2, turn_id=turn, ask_id=f"{turn}.s1.answer", text=_TEXT,
                attempt=number % 2, elapsed_ms=412.5, more=more,
            )  # fmt: skip
            made.append(noted)
        for first in range(0, events, _AT_ONCE):
            app.save(*made[first : first + _AT_ONCE])
        ids.append(name)
    return lambda: sum(app.repository.get(name, projector_func=_projected).version for name in ids)


_STYLES = {"declared": _declared, "msgspec": _as_structs}
_MAPPED = {"msgspec": {"MAPPER_TOPIC": get_topic(StructMapper), "TRANSCODER_TOPIC": get_topic(NoTranscoder)}}


def main() -> None:
    directory, style = Path(sys.argv[1]), sys.argv[5]
    aggregates, events, values = map(int, sys.argv[2:5])
    env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": os.fspath(directory / "eventsourcing.db")}
    app: Application[UUID] = Application(env=env | _MAPPED.get(style, {}))
    more = {f"value_{number}": str(uuid4()) for number in range(values)}
    replay = _STYLES[style](app, aggregates, events, more)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        folded = replay()
        print(folded / (time.process_time() - began), flush=True)


if __name__ == "__main__":
    main()
