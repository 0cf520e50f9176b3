"""Workers on real brokers: who owns what when they come, go, die and wake."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind, run

from streams.hosts.kafka import KafkaHost
from streams.kafka.connection import connected
from streams.kafka.heartbeats import living_workers
from streams.kafka.log import opened
from streams.kafka.membership import STOCK_SESSION_TIMEOUT_MS
from streams.kafka.topics import Topics

PARTITIONS = 4
ALL = frozenset(range(PARTITIONS))


class Workers:
    def __init__(self, data: DataDirectory, topics: Topics) -> None:
        self.data, self.topics = data, topics

    @asynccontextmanager
    async def one(self, session_timeout_ms: int = 1_500) -> AsyncIterator[KafkaHost[object]]:
        """A worker with clients of its own, as another process would have."""
        async with opened(bootstrap(), self.topics) as stores:
            host: KafkaHost[object] = KafkaHost(
                bootstrap(),
                self.topics,
                stores,
                self.data.codec,
                TallyMind(),
                NoEffects,
                session_timeout_ms=session_timeout_ms,
            )
            async with host:
                yield host


@pytest.fixture
def workers(data: DataDirectory, tmp_path: Path) -> Workers:
    return Workers(data, topics_for(tmp_path, PARTITIONS))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  a host tells nobody but the log
            await asyncio.sleep(0.02)


def test_one_worker_owns_everything(workers: Workers) -> None:
    async def scenario() -> frozenset[int]:
        async with workers.one() as host:
            return host.owned

    assert run(scenario()) == ALL


def test_two_share_and_each_partition_has_one_owner(workers: Workers) -> None:
    async def scenario() -> None:
        async with workers.one() as first, workers.one() as second:
            await until(lambda: len(first.owned) == len(second.owned) == PARTITIONS // 2)
            assert first.owned | second.owned == ALL

    run(scenario())


def test_who_leaves_in_good_order_hands_over_before_any_session_times_out(workers: Workers) -> None:
    async def scenario() -> None:
        async with workers.one(session_timeout_ms=60_000) as stays:
            async with workers.one(session_timeout_ms=60_000) as leaves:
                await until(lambda: len(leaves.owned) == PARTITIONS // 2)
            await until(lambda: stays.owned == ALL)

    run(scenario())


def test_who_falls_silent_is_replaced_before_its_session_times_out(workers: Workers) -> None:
    """Stock brokers wait at least six seconds for a member; heartbeats on the log notice its death sooner."""

    async def scenario() -> None:
        async with workers.one(session_timeout_ms=60_000) as lives, workers.one(session_timeout_ms=60_000) as dies:
            await until(lambda: len(lives.owned) == len(dies.owned) == PARTITIONS // 2)
            await _die(dies)
            await until(lambda: lives.owned == ALL)

    run(scenario())


async def _die(host: KafkaHost[object]) -> None:
    """It sends no heartbeat and owns nothing any more, and tells nobody; its session goes on."""
    listening, beating, membership, watching = host._tasks
    for task in (beating, listening, watching):
        task.cancel()
    await asyncio.gather(beating, listening, watching, return_exceptions=True)
    host._closing = True
    for owning in host._owning.values():
        owning.cancel()
    assert not membership.done()


def test_brokers_that_refuse_a_short_session_are_given_the_stock_one(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> int:
        async with workers.one(session_timeout_ms=10) as host:
            assert host.owned == ALL
            return host._membership.session_timeout_ms

    with caplog.at_level(logging.WARNING):
        assert run(scenario()) == STOCK_SESSION_TIMEOUT_MS
    assert "refuse a session time-out of 10 ms" in caplog.text


def test_a_gateway_sees_whether_anybody_decides(workers: Workers) -> None:
    async def alive() -> int:
        async with connected(bootstrap()) as connection:
            return await living_workers(connection, workers.topics)

    async def scenario() -> list[int]:
        async with workers.one():
            during = await alive()
        return [during, await alive()]

    assert run(scenario()) == [1, 0]
