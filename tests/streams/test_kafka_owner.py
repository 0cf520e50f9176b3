"""The production owner on real brokers: it takes over, recovers, and what a replaced one appends late is void."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from owning import reigning
from support import PATIENCE_S, DataDirectory, run

from schemas.base import Kind
from schemas.event import Event
from schemas.facts import CallArrived, KeyPressed
from streams.codec import Body
from streams.effective import EffectiveReader
from streams.fact_writer import FactWriter, fact_event
from streams.kafka.log import opened
from streams.owner import Stores

ARRIVED = CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none")
PRESSED = KeyPressed(key="2")


class Log:
    """A log on Kafka of its own. Each ``opened`` has its own clients, as another process would."""

    def __init__(self, data: DataDirectory, name: Path) -> None:
        self.data = data
        self._topics = topics_for(name, 1)

    def opened(self) -> AbstractAsyncContextManager[Stores]:
        return opened(bootstrap(), self._topics)

    async def put(self, stores: Stores, payload: CallArrived | KeyPressed, event_id: str) -> None:
        await FactWriter(stores.inbox, self.data.codec).put(fact_event("c1", payload, event_id=event_id))

    async def until(self, stores: Stores, event_id: str) -> list[Event]:
        """All effective events up to the step that holds this one."""
        reader, found = EffectiveReader(), list[Event]()
        async with asyncio.timeout(PATIENCE_S):
            async for records in stores.ledger.follow(0, 0):
                for record in records:
                    found.extend(reader.feed(record, self.data.codec.decode(record.body)))
                if any(event.event_id == event_id for event in found):
                    return found
        raise AssertionError("unreachable: a log is followed without end")

    async def recorded(self, stores: Stores) -> list[Event]:
        """Everything that stands on the log, void records too."""
        return [self.data.codec.decode(record.body) for record in await stores.ledger.read(0, 0)]


@pytest.fixture
def log(data: DataDirectory, tmp_path: Path) -> Log:
    return Log(data, tmp_path)


def facts(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.event_id, event.epoch) for event in events if event.kind is Kind.FACT]


def test_an_owner_takes_over_and_each_fact_takes_effect_once(log: Log) -> None:
    async def scenario() -> list[Event]:
        async with log.opened() as stores, reigning(log.data, stores=stores):
            for payload, event_id in ((ARRIVED, "f0"), (PRESSED, "f1"), (PRESSED, "f1"), (PRESSED, "f2")):
                await log.put(stores, payload, event_id)
            return await log.until(stores, "f2")

    events = run(scenario())
    assert facts(events) == [("f0", 1), ("f1", 1), ("f2", 1)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_the_next_owner_goes_on_behind_what_is_effective(log: Log) -> None:
    async def first() -> None:
        async with log.opened() as stores, reigning(log.data, stores=stores):
            await log.put(stores, ARRIVED, "f0")
            await log.until(stores, "f0")

    async def second() -> list[Event]:
        async with log.opened() as stores:
            await log.put(stores, PRESSED, "f1")
            async with reigning(log.data, stores=stores):
                await log.put(stores, PRESSED, "f2")
                return await log.until(stores, "f2")

    run(first())
    events = run(second())
    assert facts(events) == [("f0", 1), ("f1", 2), ("f2", 2)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_what_a_replaced_owner_appends_late_is_void_and_it_stops(log: Log) -> None:
    @asynccontextmanager
    async def two_owners() -> AsyncIterator[tuple[Stores, asyncio.Task[str]]]:
        async with log.opened() as old, log.opened() as new, reigning(log.data, stores=old) as zombie:
            await log.put(old, ARRIVED, "f0")
            await log.until(old, "f0")
            async with reigning(log.data, stores=new):
                yield new, zombie.task

    async def scenario() -> tuple[str, list[Event], list[Event]]:
        async with two_owners() as (stores, zombie):
            await log.put(stores, PRESSED, "late")  # both take it: the old one doesn't know yet
            async with asyncio.timeout(PATIENCE_S):
                why = await zombie
            return why, await log.until(stores, "late"), await log.recorded(stores)

    why, effective, recorded = run(scenario())
    assert why == "another owner took the partition (epoch 2)"
    assert facts(effective) == [("f0", 1), ("late", 2)]
    late = [event.epoch for event in recorded if event.event_id == "late"]
    assert sorted(late) == [1, 2]


def test_bytes_that_are_no_event_are_kept_aside_and_stop_nothing(log: Log) -> None:
    async def scenario() -> tuple[list[Event], list[Body]]:
        async with log.opened() as stores, reigning(log.data, stores=stores):
            await stores.inbox.put("c1", "junk", Body("", 0, b"\0\xff\xff\xff\xffjunk"))
            await log.put(stores, PRESSED, "f1")
            events = await log.until(stores, "f1")
            return events, [letter.body for letter in await stores.dead_letters.read()]

    events, letters = run(scenario())
    assert letters == [Body("", 0, b"\0\xff\xff\xff\xffjunk")]
    assert [event.type for event in events if event.kind is Kind.FACT] == ["FactDropped", "KeyPressed"]
