"""The behaviour stream, whatever it is made of: versions are numbered without gaps and found by number and hash."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import bootstrap, topics_for

from streams.behaviour_versions import ListedBehaviours, SqliteVersions
from streams.behaviours import BehaviourMissingError
from streams.kafka.attentive_client import AttentiveClient
from streams.kafka.behaviour_versions import KafkaVersions
from streams.kafka.behaviours import KafkaBehaviours
from streams.kafka.brokers import Brokers
from streams.kafka.partition_fetcher import PartitionFetcher
from streams.kafka.topics import BrokerUnreachableError, Topics, create_topics
from streams.knowledge import WithKnowledge
from streams.sqlite_store import SqliteStore

Open = Callable[[], ListedBehaviours]


@pytest.fixture(params=["sqlite", "kafka", "sqlite with knowledge", "kafka with knowledge"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the stream, each time as another process would."""
    with ExitStack() as opened:
        with_knowledge = request.param.endswith("knowledge")
        if request.param.startswith("sqlite"):

            def sqlite() -> ListedBehaviours:
                store = SqliteStore(tmp_path / "log.db")
                opened.callback(store.close)
                versions = SqliteVersions(store)
                return WithKnowledge(versions, SqliteVersions(store, "knowledge")) if with_knowledge else versions

            yield sqlite
        else:
            topics = topics_for(tmp_path, 1)
            asyncio.run(create_topics(bootstrap(), topics))

            def kafka() -> ListedBehaviours:
                stream: ListedBehaviours = KafkaVersions(bootstrap(), topics)
                if with_knowledge:
                    stream = WithKnowledge(
                        KafkaVersions(bootstrap(), topics), KafkaVersions(bootstrap(), topics, "knowledge")
                    )
                opened.callback(stream.close)
                return stream

            yield kafka


def test_versions_are_numbered_from_one_without_gaps_and_recorded_once(opening: Open) -> None:
    stream = opening()
    assert [stream.record(name, name.encode()) for name in ("a", "b", "a", "c", "b")] == [1, 2, 1, 3, 2]
    assert opening().record("d", b"d") == 4


def test_all_versions_are_listed_with_when_they_were_recorded(opening: Open) -> None:
    before_us = time.time_ns() // 1000
    stream = opening()
    stream.record("a", b"one")
    stream.record("b", b"two")
    versions = opening().versions()
    assert [(version.seq, version.hash, version.content) for version in versions] == [
        (1, "a", b"one"),
        (2, "b", b"two"),
    ]
    for version in versions:
        assert version.recorded_at_us is not None
        assert before_us - 1000 <= version.recorded_at_us <= time.time_ns() // 1000


def test_a_version_is_read_by_its_number_and_hash(opening: Open) -> None:
    stream = opening()
    stream.record("a", b"one")
    assert stream.get(1, "a") == b"one"
    for seq, content_hash in ((1, "b"), (2, "a"), (0, "a"), (-1, "a")):
        with pytest.raises(BehaviourMissingError):
            stream.get(seq, content_hash)


def test_what_another_process_records_is_seen(opening: Open) -> None:
    stream, other = opening(), opening()
    stream.record("a", b"one")
    assert other.get(1, "a") == b"one"
    stream.record("b", b"two")
    assert other.get(2, "b") == b"two"


def test_processes_that_record_at_once_agree_on_the_numbers(tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 1)
    asyncio.run(create_topics(bootstrap(), topics))
    streams = [KafkaBehaviours(bootstrap(), topics) for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            numbers = list(pool.map(lambda s: [s.record(name, b"x") for name in "abcd"], streams))
        assert numbers[0] == numbers[1] == numbers[2]
        assert sorted(numbers[0]) == [1, 2, 3, 4]
    finally:
        for stream in streams:
            stream.close()


def test_a_stream_without_brokers_says_so() -> None:
    stream = KafkaBehaviours(Brokers("127.0.0.1:1"), Topics(1), timeout_s=0.5)
    try:
        with pytest.raises(BrokerUnreachableError, match="not recorded: no broker answered"):
            stream.record("a", b"one")
        with pytest.raises(BehaviourMissingError, match="no broker answered"):
            stream.get(1, "a")
    finally:
        stream.close()


class Behind:
    """The leader's word for a while: of one that hasn't heard that another leads. All brokers' word mends it, where it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times, self.is_mended_by_asking = 0, False
        ask, ask_all = PartitionFetcher.offset, AttentiveClient.ask_all_who_leads

        async def offset(fetcher: PartitionFetcher, which: int) -> int:
            self.times -= 1
            return 0 if self.times >= 0 else await ask(fetcher, which)

        async def asked_all(client: AttentiveClient) -> None:
            self.times = 0 if self.is_mended_by_asking else self.times
            await ask_all(client)

        monkeypatch.setattr(PartitionFetcher, "offset", offset)
        monkeypatch.setattr(AttentiveClient, "ask_all_who_leads", asked_all)


def test_a_version_that_a_broker_does_not_hand_out_yet_is_missed_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the first fact of a call that pins it would be kept aside."""
    topics = topics_for(tmp_path, 1)
    asyncio.run(create_topics(bootstrap(), topics))
    behind = Behind(monkeypatch)
    with ExitStack() as opened:
        streams = [KafkaBehaviours(bootstrap(), topics) for _ in range(2)]
        for stream in streams:
            opened.callback(stream.close)
        behind.times = 4
        assert streams[0].record("a", b"one") == 1
        behind.times, behind.is_mended_by_asking = 1_000, True
        assert streams[1].get(1, "a") == b"one"
        with pytest.raises(BehaviourMissingError):
            streams[1].get(2, "b")
