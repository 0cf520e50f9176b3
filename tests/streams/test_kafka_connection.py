"""Clients of the brokers are closed whole, however often who closes them is cancelled. ``run`` fails on what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from broker import bootstrap, topics_for
from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind, run

from streams.hosts.kafka import KafkaHost
from streams.kafka.connection import connected
from streams.kafka.log import opened
from streams.kafka.topics import create_topics

LATEST_TURN = 60  # of the loop, at which a cancellation comes: a start takes a few dozen


async def cancelled(work: Coroutine[Any, Any, object], at_turns: tuple[int, ...]) -> None:
    """Carries it out for so many turns of the loop, cancels it, and again."""
    task = asyncio.create_task(work)
    for turns in at_turns:
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_client_is_closed_though_who_closes_it_is_cancelled_twice(tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 1)

    async def scenario() -> None:
        await create_topics(bootstrap(), topics)
        for turns in range(8):
            async with connected(bootstrap()) as connection:
                consumer = await connection.consumer(TopicPartition(topics.log, 0))
                await cancelled(connection.drop(consumer), (1, turns))
                producer = await connection.partition_producer(topics.log, 0)
                await cancelled(connection.drop(producer), (1, turns))

    run(scenario())


def test_a_client_is_closed_though_who_waits_for_its_start_is_cancelled_whenever(tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 1)

    async def scenario() -> None:
        await create_topics(bootstrap(), topics)
        for turns in range(0, LATEST_TURN, 3):
            async with connected(bootstrap()) as connection:
                await cancelled(connection.consumer(TopicPartition(topics.log, 0)), (turns, 1))
                await cancelled(connection.shared_producer(), (turns, 1))
                assert await connection.shared_producer()

    run(scenario())


def test_closing_a_connection_closes_all_though_it_is_cancelled(tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 1)

    async def scenario() -> None:
        await create_topics(bootstrap(), topics)
        for turns in range(1, 8):
            async with connected(bootstrap()) as connection:
                await connection.consumer(TopicPartition(topics.log, 0))
                await connection.shared_producer()
                await cancelled(connection.close(), (turns, 1))
                assert not connection.clients

    run(scenario())


def test_who_begins_a_worker_and_gives_up_leaves_nothing_behind(data: DataDirectory, tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 4)

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores:
            for after_s in (0.0, 0.1, 0.25):  # before it is connected, in the group, assigned: it may also have begun
                host: KafkaHost[object] = KafkaHost(
                    bootstrap(), topics, stores, data.codec, TallyMind(), NoEffects, session_timeout_ms=1_500
                )
                entering = asyncio.create_task(host.__aenter__())
                await asyncio.wait([entering], timeout=after_s)
                entering.cancel()
                (entered,) = await asyncio.gather(entering, return_exceptions=True)
                if entered is host:
                    await host.__aexit__()
                assert not host.owned

    run(scenario())


class SlowToStop(NoEffects):
    """Effects that take a while to end, as a model's connection does. ``open``: begun and not ended yet."""

    open = 0

    def begin(self, epoch: int, report: object) -> None:
        SlowToStop.open += 1

    async def stop(self) -> None:
        await asyncio.sleep(1.0)  # several heartbeats long: each tells the host anew what it should own
        SlowToStop.open -= 1


def test_an_owner_that_has_to_go_ends_in_good_order_whatever_the_host_hears_meanwhile(
    data: DataDirectory, tmp_path: Path
) -> None:
    topics = topics_for(tmp_path, 4)
    SlowToStop.open = 0

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores:

            def worker() -> KafkaHost[object]:
                return KafkaHost(
                    bootstrap(), topics, stores, data.codec, TallyMind(), SlowToStop, session_timeout_ms=1_500
                )

            async with worker() as first:
                assert SlowToStop.open == 4
                async with worker() as second:
                    async with asyncio.timeout(PATIENCE_S):
                        while not (len(first.owned) == len(second.owned) == 2 and SlowToStop.open == 4):  # noqa: ASYNC110
                            await asyncio.sleep(0.05)
        assert SlowToStop.open == 0

    run(scenario())
