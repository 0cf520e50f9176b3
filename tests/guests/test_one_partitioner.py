"""A thousand keys through each client that writes a topic here: ours, aiokafka's own, Faust's and franz-go's put every
conversation into the same partition, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from broker import bootstrap, topics_for
from go_programs import built
from support import PATIENCE_S, run

from schemas.facts import KeyPressed
from streams.codec import Codec
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.faust_brokers import broker_settings
from streams.kafka.log import opened
from streams.kafka.topics import Topics, create_topics
from streams.keys import MemoryKeyStore
from streams.partitioner import partition_of

PARTITIONS = 12
KEYS = [f"call-20260101-0000{i % 60:02d}-{i:06x}" + "ü" * (i % 5) for i in range(1000)]  # of every length modulo 4
Putting = Callable[[Topics], Awaitable[None]]


async def ours(topics: Topics) -> None:
    async with opened(bootstrap(), topics) as stores:
        writer = FactWriter(stores.inbox, Codec(MemoryKeyStore()))
        await asyncio.gather(*(writer.put(fact_event(key, KeyPressed(key="1"))) for key in KEYS))


async def aiokafkas_own(topics: Topics) -> None:
    async with AIOKafkaProducer(bootstrap_servers=str(bootstrap())) as producer:
        for key in KEYS:
            await producer.send(topics.inbox, b"", key=key.encode())


async def fausts(topics: Topics) -> None:
    app = faust.App("puts", loop=asyncio.get_running_loop(), topic_allow_declare=False, **broker_settings(bootstrap()))
    producer = app.producer
    await producer.start()
    try:
        for key in KEYS:
            await producer.send(topics.inbox, key.encode(), b"", None, None, {})
        await producer.flush()
    finally:
        await producer.stop()


@pytest.fixture
def franz_gos(tmp_path_factory: pytest.TempPathFactory) -> Putting:
    program = built(tmp_path_factory.getbasetemp().parent, "partitions")

    async def put(topics: Topics) -> None:
        arguments = ["-brokers", str(bootstrap()), "-topic", topics.inbox]
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await process.communicate("\n".join(KEYS).encode())
        assert process.returncode == 0, complaint.decode()

    return put


async def where_they_lie(topic: str) -> dict[str, int]:
    found: dict[str, int] = {}
    async with AIOKafkaConsumer(bootstrap_servers=str(bootstrap()), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < len(KEYS):
                record = await consumer.getone()
                found[record.key.decode()] = record.partition
    return found


@pytest.mark.parametrize("client", ["ours", "aiokafka", "faust", "franz-go"])
def test_every_client_puts_a_conversation_into_the_same_partition(
    client: str, franz_gos: Putting, tmp_path: Path
) -> None:
    topics = topics_for(tmp_path, PARTITIONS)
    put = {"ours": ours, "aiokafka": aiokafkas_own, "faust": fausts, "franz-go": franz_gos}[client]

    async def scenario() -> dict[str, int]:
        await create_topics(bootstrap(), topics)
        await put(topics)
        return await where_they_lie(topics.inbox)

    assert run(scenario()) == {key: partition_of(key, PARTITIONS) for key in KEYS}
