"""Brokers as they are when they have run for a while: a Java machine compiles what is asked of it often, and again better
where it is asked more often. Before that a request costs several times as much CPU, and the compiler has the rest."""

from __future__ import annotations

import asyncio

from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection, connected
from streams.kafka.records import KafkaRecord
from streams.kafka.topics import Topics, create_topics

APPENDS = 15_000  # for each broker; behind them an append and its reading cost 1.1 ms of its CPU, before 4 to 6
_BATCH = 1000
_STEP = [KafkaRecord(b"call-warm", bytes(500), [("ce_id", bytes(36))])] * 5


async def warm_up(bootstrap: str, brokers: int) -> None:
    """Appends steps to a log of its own, one after another in each partition, and follows them. Takes 10 s a broker."""
    topics = Topics(prefix="warm.")
    await create_topics(Brokers(bootstrap), topics, replication=brokers)
    each = APPENDS * brokers // topics.partitions
    async with connected(Brokers(bootstrap)) as connection:
        await asyncio.gather(*(_append(connection, topics.log, p, each) for p in range(topics.partitions)))


async def _append(connection: Connection, topic: str, partition: int, count: int) -> None:
    producer = await connection.partition_producer(topic, partition)
    following = asyncio.create_task(_follow(connection, topic, partition, count * len(_STEP)))
    for _ in range(count):
        await producer.landed(producer.send(_STEP))
    await following


async def _follow(connection: Connection, topic: str, partition: int, until: int) -> None:
    async for records in connection.follow(topic, partition, 0, _BATCH):
        if records[-1].offset + 1 >= until:
            return
