"""What every Kafka host must keep, on real brokers: workers that come, go, die and wake, and each fact takes effect once."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import topics_for
from hosting import HOSTS, PARTITIONS, Hosted, Read, assert_sound, told
from support import PATIENCE_S, DataDirectory, eventually, run

from schemas.facts import KeyPressed
from streams.hosts.faust import FaustHost
from streams.kafka.membership import STOCK_SESSION_TIMEOUT_MS
from streams.owner import Stores

ALL = frozenset(range(PARTITIONS))
A_REBALANCE_S = 60.0  # a net: the group waits 10 s for a member that doesn't answer, and may begin anew
TIMED = KeyPressed(key="#")  # the mind answers it with a timer


@pytest.fixture(params=HOSTS)
def hosted(request: pytest.FixtureRequest, data: DataDirectory, tmp_path: Path) -> Hosted:
    return Hosted(request.param, data, topics_for(tmp_path, PARTITIONS))


def ids(begin: str, count: int = 16) -> list[str]:
    return [f"{begin}{number}" for number in range(count)]


async def until(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  a host tells nobody but the log
            await asyncio.sleep(0.02)


@asynccontextmanager
async def facts_all_the_while(hosted: Hosted, stores: Stores, put: list[str]) -> AsyncIterator[None]:
    """Facts are put one after another until it is left. ``put``: those whose put returned."""

    async def go_on() -> None:
        while True:
            batch = ids(f"load{len(put)}.", PARTITIONS * 2)
            await hosted.put(stores, batch)
            put.extend(batch)
            await asyncio.sleep(0.02)

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


def test_each_fact_takes_effect_once_however_often_it_was_put(hosted: Hosted) -> None:
    facts = ids("f")

    async def scenario() -> Read:
        async with hosted.worker() as host, hosted.client() as stores:
            assert host.owned == ALL
            await hosted.put(stores, facts)
            await hosted.put(stores, facts)
            await hosted.put(stores, ["last"])
            return await hosted.until(stores, [*facts, "last"])

    assert_sound(run(scenario()), [*facts, "last"])


def test_what_was_put_while_nobody_owned_is_taken_by_the_host_that_comes(hosted: Hosted) -> None:
    before, between, after = ids("before"), ids("between"), ids("after")

    async def scenario() -> Read:
        async with hosted.client() as stores:
            await hosted.put(stores, before)
            async with hosted.worker():
                await hosted.until(stores, before)
            await hosted.put(stores, between)
            async with hosted.worker():
                await hosted.put(stores, after)
                return await hosted.until(stores, before + between + after)

    assert_sound(run(scenario()), before + between + after)


def test_two_share_under_load_and_one_that_leaves_hands_over(hosted: Hosted) -> None:
    put: list[str] = []

    async def scenario() -> Read:
        async with hosted.worker() as stays, hosted.client() as stores:
            async with facts_all_the_while(hosted, stores, put):
                async with hosted.worker() as leaves:
                    await until(lambda: len(stays.owned) == len(leaves.owned) == PARTITIONS // 2)
                    assert stays.owned | leaves.owned == ALL
                await until(lambda: stays.owned == ALL)
            return await hosted.until(stores, put)

    assert_sound(run(scenario()), put)


def test_one_that_is_killed_is_replaced_and_nothing_acknowledged_is_lost(hosted: Hosted) -> None:
    put: list[str] = []

    async def scenario() -> Read:
        async with hosted.worker() as lives, hosted.worker_process() as dies, hosted.client() as stores:
            await until(lambda: len(lives.owned) == PARTITIONS // 2)
            async with facts_all_the_while(hosted, stores, put):
                await hosted.until(stores, put[: PARTITIONS * 2])
                dies.send_signal(signal.SIGKILL)
                await until(lambda: lives.owned == ALL)
            return await hosted.until(stores, put)

    assert_sound(run(scenario()), put)


@pytest.mark.alone
def test_what_a_woken_zombie_appends_is_void(hosted: Hosted) -> None:
    """It stands still with facts on their way to it and timers armed: it takes the ones and fires the others when it
    wakes, for it hears of its successor late. Once it does it comes back to the group, and owns again."""
    timed, during, after = ids("timed"), ids("during"), ids("after")

    async def scenario() -> Read:
        async with hosted.worker() as lives, hosted.worker_process() as zombie, hosted.client() as stores:
            await until(lambda: len(lives.owned) == PARTITIONS // 2, A_REBALANCE_S)
            await hosted.put(stores, timed, TIMED)
            await hosted.until(stores, timed)  # so it owns, and has armed its timers
            zombie.send_signal(signal.SIGUSR1)
            await told(zombie, "deaf")
            zombie.send_signal(signal.SIGSTOP)
            await until(lambda: lives.owned == ALL)
            await hosted.put(stores, during)
            before = (await hosted.until(stores, [*timed, *during])).void
            await eventually(hosted.is_alone_in_group)  # so that the zombie must come back to it
            zombie.send_signal(signal.SIGCONT)

            async def appended() -> bool:
                return (await hosted.read(stores)).void > before

            await eventually(appended)
            zombie.send_signal(signal.SIGUSR2)
            await until(lambda: len(lives.owned) == PARTITIONS // 2, A_REBALANCE_S)
            await hosted.put(stores, after)
            return await hosted.until(stores, after)

    assert_sound(run(scenario(), 2 * A_REBALANCE_S), [*timed, *during, *after])


def test_a_broker_that_refuses_a_short_session_is_asked_for_the_stock_one(
    hosted: Hosted, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with hosted.worker(session_timeout_ms=10) as host:
            assert host.owned == ALL

    with caplog.at_level(logging.WARNING):
        run(scenario())
    assert f"{STOCK_SESSION_TIMEOUT_MS} ms it is" in caplog.text


def test_faust_delivers_what_its_owners_take(data: DataDirectory, tmp_path: Path) -> None:
    """Each partition leaves the log for Faust's stream, and the next facts come by way of it."""
    hosted = Hosted("faust", data, topics_for(tmp_path, PARTITIONS))
    put: list[str] = []

    async def scenario() -> Read:
        async with hosted.worker() as host, hosted.client() as stores:
            assert isinstance(host, FaustHost)
            inbox = host.inbox
            async with facts_all_the_while(hosted, stores, put):
                await until(lambda: inbox.from_faust == ALL)
            await hosted.put(stores, ["last"])
            assert inbox.from_faust == ALL
            return await hosted.until(stores, [*put, "last"])

    assert_sound(run(scenario()), [*put, "last"])
