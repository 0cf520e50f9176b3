"""What a topic no longer holds: what its retention takes by design costs nobody anything, and a log that lost its beginning
is told of by name."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from broker import bootstrap, topics_for
from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind, run

from schemas.facts import CallArrived
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.kafka import KafkaHost
from streams.kafka.log import opened
from streams.kafka.topics import Topics, create_topics
from streams.kafka.topics_watch import TopicsMadeAnewError, watch_topics
from streams.owner import Stores
from streams.partitioner import partition_of
from streams.ports import RecordsGoneError
from streams.takeover import take_over

PARTITIONS = 2
ARRIVED = CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none")
ATTEMPTS = 3


async def deleted(topic: str, partition: int = 0) -> None:
    """All that stands there now, as by retention."""
    admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=-1)})
    finally:
        await admin.close()


def worker(data: DataDirectory, topics: Topics, stores: Stores) -> KafkaHost[object]:
    return KafkaHost(bootstrap(), topics, stores, data.codec, TallyMind(), NoEffects, session_timeout_ms=1_500)


async def took(data: DataDirectory, stores: Stores, conversation_id: str, event_id: str) -> None:
    """Returns once the fact that it puts is on the log."""
    partition = partition_of(conversation_id, PARTITIONS)
    end = await stores.ledger.end(partition)
    await FactWriter(stores.inbox, data.codec).put(fact_event(conversation_id, ARRIVED, event_id=event_id))
    async for records in stores.ledger.follow(partition, end):
        if any(data.codec.decode(record.body).event_id == event_id for record in records):
            return


def test_workers_start_though_all_heartbeats_of_earlier_ones_are_deleted(data: DataDirectory, tmp_path: Path) -> None:
    """As after some hours in which none of them ran."""
    topics = topics_for(tmp_path, PARTITIONS)

    async def scenario() -> frozenset[int]:
        async with opened(bootstrap(), topics) as stores:
            async with worker(data, topics, stores):
                pass
            await deleted(topics.workers)
            async with worker(data, topics, stores) as second:
                return second.owned

    assert run(scenario()) == {0, 1}


def test_facts_that_were_deleted_before_anybody_took_them_keep_no_owner_from_later_ones(
    data: DataDirectory, tmp_path: Path
) -> None:
    topics = topics_for(tmp_path, PARTITIONS)

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores:
            await FactWriter(stores.inbox, data.codec).put(fact_event("c1", ARRIVED, event_id="lost"))
            await deleted(topics.inbox, partition_of("c1", PARTITIONS))
            async with worker(data, topics, stores):
                await took(data, stores, "c1", "later")

    run(scenario())


def test_a_partition_that_lost_its_beginning_is_told_of_once_and_the_others_are_owned(
    data: DataDirectory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topics = topics_for(tmp_path, PARTITIONS)
    lost = 1

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores:
            for partition in range(PARTITIONS):
                await take_over(stores.ledger, stores.states, data.codec, partition, "first", now_us=1)
            await deleted(topics.log, lost)
            with pytest.raises(RecordsGoneError, match=rf"{topics.log}, partition {lost}, has no offset 0"):
                await stores.ledger.read(lost, 0)
            async with worker(data, topics, stores) as host:
                assert host.owned == {0}
                while len(host.reigns_lost) < ATTEMPTS:  # noqa: ASYNC110  a host tells nobody but the log
                    await asyncio.sleep(0.02)

    with caplog.at_level(logging.WARNING):
        run(scenario())
    told = [record for record in caplog.records if "the reign ended" in record.getMessage()]
    assert [("has no offset 0" in record.getMessage(), record.exc_info) for record in told] == [(True, None)]


def test_a_conversation_is_not_read_as_a_shorter_one_where_its_partition_lost_its_beginning(
    data: DataDirectory, tmp_path: Path
) -> None:
    """Neither by who never read it nor by who comes next: an index doesn't hide that it began behind the gap."""
    topics = topics_for(tmp_path, PARTITIONS)
    partition = partition_of("c1", PARTITIONS)

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores, worker(data, topics, stores):
            await took(data, stores, "c1", "first")
        await deleted(topics.log, partition)
        for _ in range(2):
            async with opened(bootstrap(), topics, local=tmp_path / "kafka.db") as stores:
                with pytest.raises(RecordsGoneError, match=rf"{topics.log}, partition {partition}, has no offset 0"):
                    await stores.ledger.read_conversation("c1")

    run(scenario())


def test_a_worker_without_work_tells_that_its_log_was_deleted_and_ends_when_another_stands_there(
    data: DataDirectory, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.hosts.kafka.watch_topics", partial(watch_topics, look_every_s=0.1))
    topics = topics_for(tmp_path, PARTITIONS)

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores, worker(data, topics, stores) as host:
            failing = asyncio.create_task(host.failed())
            await remove(topics.log)
            async with asyncio.timeout(PATIENCE_S):
                while "are gone" not in caplog.text:  # noqa: ASYNC110  a host tells nobody but the log
                    await asyncio.sleep(0.02)
            await create_topics(bootstrap(), topics)
            with pytest.raises(TopicsMadeAnewError, match=f"{topics.log}: deleted and made anew"):
                await failing

    with caplog.at_level(logging.ERROR):
        run(scenario())
    (told,) = [record.getMessage() for record in caplog.records if "are gone" in record.getMessage()]
    assert topics.log in told
    assert topics.inbox not in told


async def remove(topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()
