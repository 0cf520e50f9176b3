"""Reads of one partition wait for brokers that are away, however long: a gateway that reads on must not give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError, RequestTimedOutError, TopicAuthorizationFailedError
from support import run

from streams.kafka import partition_reader
from streams.kafka.connection import Connection, Patience
from streams.kafka.partition_reader import PartitionReader

END = 7


class _Consumer:
    """Answers with each of ``failures`` first. Where the leader is ``stopped``, not before the new one was looked for."""

    def __init__(self, failures: Sequence[KafkaError], *, stopped: bool = False) -> None:
        self._failures = list(failures)
        self._client = self
        self._knows_the_leader = asyncio.Event()
        if not stopped:
            self._knows_the_leader.set()

    def force_metadata_update(self) -> None:
        self._knows_the_leader.set()

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        await self._knows_the_leader.wait()
        await asyncio.sleep(0)
        if self._failures:
            raise self._failures.pop(0)
        return dict.fromkeys(partitions, END)

    def seek(self, at: TopicPartition, offset: int) -> None:
        return

    def pause(self, at: TopicPartition) -> None:
        return


class _Connection:
    def __init__(self, *failures: KafkaError, stopped: bool = False) -> None:
        self._failures, self._stopped = failures, stopped

    async def consumer(self, at: TopicPartition, *, patience: Patience) -> _Consumer:
        return _Consumer(self._failures, stopped=self._stopped)


def end(*failures: KafkaError, stopped: bool = False) -> int:
    return run(PartitionReader(cast(Connection, _Connection(*failures, stopped=stopped)), "log", 0).end())


@pytest.mark.parametrize("failure", [KafkaTimeoutError(), RequestTimedOutError()], ids=["nobody answers", "too slow"])
def test_a_read_waits_while_no_broker_answers(failure: KafkaError) -> None:
    assert end(failure, failure) == END


def test_a_leader_that_stands_still_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_reader, "_SILENT_S", 0.01)
    assert end(stopped=True) == END


def test_a_refusal_is_told() -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        end(TopicAuthorizationFailedError())
