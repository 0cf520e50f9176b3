"""Three brokers: what is acknowledged survives the loss of any one, however it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from support import eventually, run

from servers.kafka import KafkaCluster

ROOT = Path(__file__).parents[2]
TOPIC = "t"
PATIENCE_S = 40.0
REQUEST_TIMEOUT_MS = 2_000  # how long a client hopes for a leader that is silent


class Loss(NamedTuple):
    name: str
    lose: Callable[[KafkaCluster, int], None]
    give_back: Callable[[KafkaCluster, int], None]


LOSSES = (
    Loss("killed", KafkaCluster.kill, KafkaCluster.start_node),
    Loss("paused", KafkaCluster.pause, KafkaCluster.resume),
    Loss("cut off", KafkaCluster.cut, KafkaCluster.mend),
)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(tmp_path / "kafka", jars=ROOT / ".ledgerline/servers/jars", cuttable=True)
    cluster.start()
    yield cluster
    cluster.stop(at_once=True)


def test_what_is_acknowledged_survives_a_leader_that_is_killed_paused_or_cut_off(cluster: KafkaCluster) -> None:
    async def scenario() -> None:
        await create_topic(cluster)
        acknowledged: list[bytes] = []
        for loss in LOSSES:
            leader = (await topic_of(cluster))["leader"]
            await append(cluster, acknowledged, f"before it is {loss.name}")
            loss.lose(cluster, leader)
            others = [address for n, address in addresses(cluster).items() if n != leader]
            await append(cluster, acknowledged, f"while it is {loss.name}")
            during = await topic_of(cluster, others)
            assert during["leader"] not in (leader, -1), loss.name
            assert leader not in during["isr"], loss.name
            loss.give_back(cluster, leader)
            await until_all_in_sync(cluster)
        assert await read_all(cluster, len(acknowledged)) == acknowledged

    run(scenario())


async def create_topic(cluster: KafkaCluster) -> None:
    """On every broker; the rest as the brokers have it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 1, 3)])

        async def configs() -> dict[str, str]:
            """None yet from a broker that hasn't heard of the topic."""
            described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
            return {entry[0]: entry[1] for entry in described[0].resources[0][4]}

        assert (await eventually(configs))["min.insync.replicas"] == "2"
    finally:
        await admin.close()
    await until_all_in_sync(cluster)


async def append(cluster: KafkaCluster, acknowledged: list[bytes], text: str, count: int = 10) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap, enable_idempotence=True, request_timeout_ms=REQUEST_TIMEOUT_MS
    )
    await producer.start()
    try:
        for number in range(count):
            value = f"{text} {number}".encode()
            async with asyncio.timeout(PATIENCE_S):
                await producer.send_and_wait(TOPIC, value, partition=0)
            acknowledged.append(value)
    finally:
        await producer.stop()


async def read_all(cluster: KafkaCluster, count: int) -> list[bytes]:
    """All that is there, which should be ``count``."""
    partition = TopicPartition(TOPIC, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([partition])
        assert (await consumer.end_offsets([partition]))[partition] == count
        async with asyncio.timeout(PATIENCE_S):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def topic_of(cluster: KafkaCluster, through: list[str] | None = None) -> dict[str, Any]:
    """Its one partition, as the brokers ``through`` see it."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=through or cluster.bootstrap.split(","), request_timeout_ms=REQUEST_TIMEOUT_MS
    )
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await admin.start()
                described = await admin.describe_topics([TOPIC])
                break
            except KafkaError:  # it asked the one that doesn't answer
                await asyncio.sleep(0.1)
            finally:
                await admin.close()
    found: dict[str, Any] = described[0]["partitions"][0]
    return found


async def until_all_in_sync(cluster: KafkaCluster) -> None:
    """As every broker sees it: one that was cut off doesn't know yet that another leads, and hands out what it has."""

    async def all_in_sync() -> bool:
        seen = [await topic_of(cluster, [address]) for address in addresses(cluster).values()]
        return len({one["leader"] for one in seen}) == 1 and all(len(one["isr"]) == 3 for one in seen)

    await eventually(all_in_sync)


def addresses(cluster: KafkaCluster) -> dict[int, str]:
    return dict(zip(cluster.numbers, cluster.bootstrap.split(","), strict=True))
