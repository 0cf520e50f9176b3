"""The live aggregates on a real broker: counted from a recorded call, kept over restarts, shared by workers, served."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from broker import bootstrap, topics_for
from recorded_calls import record_call
from support import PATIENCE_S, DataDirectory, run

from projections.live import app
from projections.live.app import LiveAggregates
from projections.live.counted import counted
from projections.live.read import read_live_figures
from projections.live.report import MOST_MINUTES, LiveFigures, RowAt, TenantFigures, live_figures
from projections.live.tables import LiveTopics
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from servers.ports import free_port
from streams.kafka.connection import connected
from streams.kafka.log import opened
from streams.kafka.topics import Topics
from streams.owner import Stores
from streams.ports import Entry

PARTITIONS = 2


@dataclass
class Log:
    """A log on the broker that holds copies of a recorded call, their records as the owner wrote them."""

    topics: Topics
    recorded: DataDirectory

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LiveAggregates]:
        async with LiveAggregates(bootstrap(), self.topics, host="127.0.0.1", port=free_port()) as live:
            yield live

    async def append(self, stores: Stores, partition: int, start: int = 0, count: int = 1_000) -> None:
        for record in await self.recorded.ledger.read(0, start, count):
            await stores.ledger.append(partition, [Entry(record.conversation_id, record.body)])

    async def middle_of_a_step(self) -> int:
        """The offset of a record that doesn't begin its step, about half-way."""
        records = await self.recorded.ledger.read(0, 0)
        half = len(records) // 2
        return next(r.offset for r in records[half:] if self.recorded.codec.decode(r.body).step_index > 0)

    async def read(self) -> LiveFigures:
        async with connected(bootstrap()) as connection:
            return await read_live_figures(connection, self.topics, MOST_MINUTES)


@pytest.fixture
def log(data: DataDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield Log(topics_for(tmp_path, PARTITIONS), data)
    assert not list(here.iterdir()), "Faust left something where it was started"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  Faust tells nobody
            await asyncio.sleep(0.02)


def tenant(*of: LiveAggregates) -> TenantFigures | None:
    """The figures of one worker's tenant; of several workers, of the one that has any."""
    return next((tenant for live in of for tenant in live.figures(MOST_MINUTES).tenants), None)


def closed(live: LiveAggregates) -> int:
    found = tenant(live)
    return found.closed if found else 0


def count(events: list[Event], payload: type) -> int:
    return sum(isinstance(event.payload, payload) for event in events)


def figures(of: LiveFigures) -> tuple[object, ...]:
    return of.models, of.providers, of.guardrails, of.tenants


def expected(events: list[Event]) -> tuple[object, ...]:
    rows = [RowAt(0, name, 0.0, 60.0, row) for name, row in counted(events).items()]
    return figures(live_figures(rows, [0], 0.0, 60.0))


def test_a_recorded_call_is_counted_and_served_without_a_key(log: Log) -> None:
    async def scenario() -> tuple[list[Event], LiveFigures, LiveFigures, LiveFigures, int]:
        events = await record_call(log.recorded)
        async with opened(bootstrap(), log.topics) as stores, log.serving() as live:
            await log.append(stores, 1)
            await until(lambda: closed(live) == 1)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{live.port}") as session:
                async with session.get(app.PATH, params={"minutes": MOST_MINUTES}) as answer:
                    served = msgspec.json.decode(await answer.read(), type=LiveFigures)
                async with session.get(app.PATH, params={"minutes": "all"}) as answer:
                    refused = answer.status
            here = live.figures(MOST_MINUTES)
        return events, here, served, await log.read(), refused

    events, here, served, read, refused = run(scenario())
    (found,) = here.tenants
    assert (found.calls, found.turns, found.holds, found.interrupted) == (1, count(events, d.TurnEnded), 1, 1)
    assert found.outcomes["close"] == 1
    assert (found.cost_micros, found.unpriced) == (None, count(events, f.CompletionReturned))
    (model,) = [model for model in here.models if model.provider == "echo"]
    assert (model.model, model.answered) == ("echo-1", count(events, f.CompletionReturned))
    assert model.total_ms.p50 == pytest.approx(12.5, rel=0.045)
    assert sum(guardrail.judged for guardrail in here.guardrails) == count(events, d.VerdictIssued)
    for each in (here, served, read):
        assert figures(each) == expected(events)
        assert each.partitions == [0, 1]
    assert refused == 400


@pytest.mark.parametrize("place_every_s", [0.0, math.inf], ids=["at its place", "from the beginning"])
def test_after_a_restart_everything_is_counted_once(
    log: Log, place_every_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that was not noted in time means that records are read again."""
    monkeypatch.setattr(app, "PLACE_EVERY_S", place_every_s)

    async def scenario() -> tuple[list[Event], LiveFigures]:
        events = await record_call(log.recorded)
        middle = await log.middle_of_a_step()
        async with opened(bootstrap(), log.topics) as stores:
            await log.append(stores, 0, 0, middle)
            async with log.serving() as live:
                await until(lambda: 0 in live._read and live._read[0].next == middle)
            await log.append(stores, 0, middle)
            async with log.serving() as live:
                await until(lambda: closed(live) == 1)
                return events, live.figures(MOST_MINUTES)

    events, found = run(scenario())
    assert figures(found) == expected(events)


def test_where_the_group_stands_decides_nothing(log: Log) -> None:
    """Faust begins there, behind everything, and is sent back."""

    async def scenario() -> TenantFigures | None:
        await record_call(log.recorded)
        async with opened(bootstrap(), log.topics) as stores:
            await log.append(stores, 0)
            at = TopicPartition(log.topics.log, 0)
            member = AIOKafkaConsumer(
                bootstrap_servers=str(bootstrap()), group_id=LiveTopics(log.topics).app, enable_auto_commit=False
            )
            await member.start()
            member.assign([at])
            await member.commit({at: await stores.ledger.end(0)})
            await member.stop()
            async with log.serving() as live:
                await until(lambda: closed(live) == 1)
                return tenant(live)

    found = run(scenario())
    assert found
    assert found.calls == 1


def test_workers_share_the_partitions_and_what_was_counted_moves_with_them(log: Log) -> None:
    async def scenario() -> tuple[list[int], int, LiveFigures]:
        await record_call(log.recorded)
        async with opened(bootstrap(), log.topics) as stores, log.serving() as stays:
            for partition in range(PARTITIONS):
                await log.append(stores, partition)
            await until(lambda: closed(stays) == 2)
            async with log.serving() as leaves:
                await until(lambda: closed(stays) == closed(leaves) == 1)
                shared = sorted(stays.partitions | leaves.partitions)
            await until(lambda: closed(stays) == 2)
            return shared, (await log.read()).tenants[0].closed, stays.figures(MOST_MINUTES)

    shared, read, found = run(scenario())
    assert shared == found.partitions == [0, 1]
    assert read == 2
    assert found.tenants[0].calls == 2
