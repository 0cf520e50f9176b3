"""Reads of one partition wait for brokers that are away, however long: a gateway that reads on must not give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from support import run

from streams.kafka import partition_fetcher
from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.partition_fetcher import PartitionFetcher
from streams.kafka.partition_reader import PartitionReader
from streams.ports import RecordsGoneError

END = 7
OUT_OF_RANGE, NOT_LEADER, FORBIDDEN, UNKNOWN = 1, 6, 29, -1
KEY, VALUE = b"call-1", b"value"


class _Client:
    """A partition of ``END`` records, in one batch. Answers with each of ``answers`` first: codes, or errors of the way there."""

    def __init__(self, answers: Sequence[KafkaError | int]) -> None:
        self._answers = list(answers)
        self.leader = 0
        self.asked: list[tuple[int, str]] = []
        self.cluster = SimpleNamespace(leader_for_partition=lambda at: self.leader)

    async def send(self, leader: int, request: Any) -> Any:
        await asyncio.sleep(0)
        is_fetch = isinstance(request, FetchRequest)
        self.asked.append((leader, "records" if is_fetch else "offset"))
        answer = self._answers.pop(0) if self._answers else 0
        if isinstance(answer, KafkaError):
            raise answer
        said = (0, answer, END, END, 0, [], _batch()) if is_fetch else (0, answer, -1, END)
        return SimpleNamespace(topics=[("log", [said])])

    async def force_metadata_update(self) -> bool:
        self.leader += 1
        return True


def _batch() -> bytes:
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 16
    )
    for offset in range(END):
        builder.append(offset, timestamp=0, key=KEY, value=VALUE, headers=[])
    return bytes(builder.build())


class _Connection:
    def __init__(self, client: _Client) -> None:
        self._client = client

    async def fetcher(self, topic: str, partition: int) -> PartitionFetcher:
        fetcher = PartitionFetcher(Brokers("nobody:1"), topic, partition, request_timeout_ms=1_000)
        fetcher.client = self._client
        return fetcher


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_fetcher, "_RETRY_S", 0)


def reader(*answers: KafkaError | int) -> tuple[PartitionReader, _Client]:
    client = _Client(answers)
    return PartitionReader(cast(Connection, _Connection(client)), "log", 0), client


@pytest.mark.parametrize(
    "failure",
    [NodeNotReadyError(), RequestTimedOutError(), UNKNOWN],
    ids=["nobody answers", "too slow", "the broker doesn't know why"],
)
def test_a_read_waits_while_no_broker_answers(failure: KafkaError | int) -> None:
    asked, _ = reader(failure, failure)
    assert run(asked.end()) == END
    asked, _ = reader(failure, failure)
    assert [record.offset for record in run(asked.read(5, 9, until=END))] == [5, 6]


def test_it_asks_who_leads_now() -> None:
    asked, client = reader(NOT_LEADER, NotLeaderForPartitionError())
    assert len(run(asked.read_log(0, 9, until=END))) == END
    assert client.asked == [(0, "records"), (1, "records"), (2, "records")]


@pytest.mark.parametrize("refusal", [FORBIDDEN, TopicAuthorizationFailedError(), IncompatibleBrokerVersion()])
def test_a_refusal_is_told(refusal: KafkaError | int) -> None:
    kind = TopicAuthorizationFailedError if isinstance(refusal, int) else type(refusal)
    with pytest.raises(kind):
        run(reader(refusal)[0].end())
    with pytest.raises(kind):
        run(reader(refusal)[0].read(0, 1, until=END))


def test_records_that_are_gone_are_told_of() -> None:
    with pytest.raises(RecordsGoneError, match="topic log, partition 0, has no offset 3"):
        run(reader(OUT_OF_RANGE)[0].read_log(3, 1, until=END))


def test_what_was_fetched_beyond_is_not_fetched_again() -> None:
    asked, client = reader()

    async def scenario() -> list[list[int]]:
        return [
            [record.offset for record in await asked.read_log(0, 2)],
            [record.offset for record in await asked.read(2, 2)],
            [record.offset for record in await asked.read_log(4, 9)],
            [record.offset for record in await asked.read_log(1, 1)],
        ]

    assert run(scenario()) == [[0, 1], [2, 3], [4, 5, 6], [1]]
    assert [what for _, what in client.asked] == ["offset", "records", "offset", "records"]


def test_nothing_is_kept_of_a_read_that_was_cancelled() -> None:
    asked, client = reader()

    async def scenario() -> list[int]:
        await asked.read_log(0, 2, until=END)
        reading = asyncio.ensure_future(asked.read_log(2, 9, until=END + 1))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        return [record.offset for record in await asked.read_log(2, 9, until=END)]

    assert run(scenario()) == [2, 3, 4, 5, 6]
    assert [what for _, what in client.asked].count("records") >= 2
