"""A log on which recorded calls lie between each other, with changes of owner, void records and half a step among them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from golden_calls import GOLDEN, golden, golden_behaviours
from msgspec.structs import replace
from support import DataDirectory, run

from projections.projecting import Log
from projections.read_models.definition import RecordedBehaviour
from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import NO_INBOX, Event
from streams.behaviours import SqliteBehaviours
from streams.ports import Entry

RECORDED = sorted(path.stem for path in GOLDEN.glob("*.jsonl"))
BEGAN_US = 1_750_000_000_000_000
STEP_US = 7_000


def mixed_log(
    data: DataDirectory, *, names: Sequence[str] = RECORDED, copies: int = 1, seed: int = 1
) -> dict[str, list[Event]]:
    """Appends it to partition 0, and what the calls pinned to the behaviour stream. The effective events of each
    conversation."""
    behaviours = SqliteBehaviours(data.store)
    for behaviour in (behaviour for name in names for behaviour in golden_behaviours(name)):
        behaviours.record(behaviour.content_hash, behaviour.canonical())
    chance = random.Random(seed)
    calls = {f"{name}-{n}": _steps(golden(name), f"{name}-{n}") for name in names for n in range(copies)}
    written: dict[str, list[Event]] = {name: [] for name in calls}
    entries, epoch, at_us = [_took(data, 1)], 1, BEGAN_US
    waiting = {name: list(reversed(steps)) for name, steps in calls.items()}
    while waiting:
        name = chance.choice(sorted(waiting))
        at_us += STEP_US
        step = [_stamped(event, epoch, at_us) for event in waiting[name].pop()]
        if not waiting[name]:
            del waiting[name]
        bodies = [Entry(name, data.codec.encode(event)[0]) for event in step]
        if chance.random() < 0.02:  # the owner dies within the step; the next one begins it again
            epoch += 1
            entries += [*bodies[: len(bodies) // 2], _took(data, epoch), *bodies[:1]]  # and the zombie wakes up
            step = [replace(event, epoch=epoch) for event in step]
            bodies = [Entry(name, data.codec.encode(event)[0]) for event in step]
        entries += bodies
        written[name] += step
    append(data, entries)
    return written


def append(data: DataDirectory, entries: list[Entry]) -> None:
    async def appended() -> None:
        for start in range(0, len(entries), 5000):
            await data.ledger.append(0, entries[start : start + 5000])

    run(appended())


def log_of(data: DataDirectory) -> Log:
    def behaviours() -> list[RecordedBehaviour]:
        rows = data.store.db.execute("select seq, hash, content, recorded_at_us from behaviour order by seq")
        return [
            RecordedBehaviour(seq, content_hash, bytes(content), at_us) for seq, content_hash, content, at_us in rows
        ]

    return Log(data.ledger, behaviours)


def _steps(events: list[Event], conversation_id: str) -> list[list[Event]]:
    def steps() -> Iterator[list[Event]]:
        step: list[Event] = []
        for event in events:
            step.append(replace(event, conversation_id=conversation_id))
            if len(step) == event.step_size:
                yield step
                step = []

    return list(steps())


def _stamped(event: Event, epoch: int, at_us: int) -> Event:
    """No inbox stands behind it: an owner that goes on here takes its first fact."""
    return replace(event, epoch=epoch, accepted_at_us=at_us, inbox_mark=NO_INBOX, sealed={})


def _took(data: DataDirectory, epoch: int) -> Entry:
    payload = OwnerTook(epoch=epoch, owner_id="test")
    event = Event(
        event_id=f"took-{epoch}",
        type="OwnerTook",
        schema_version=1,
        conversation_id="",
        epoch=epoch,
        kind=Kind.CONTROL,
        payload=payload,
    )
    return Entry("", data.codec.encode(event)[0])
