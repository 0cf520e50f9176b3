"""Reads of one partition wait for brokers that are away, however long: a gateway that reads on must not give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError, RequestTimedOutError, TopicAuthorizationFailedError
from support import run

from streams.kafka.connection import Connection, Patience
from streams.kafka.partition_reader import PartitionReader

END = 7


class _Consumer:
    """Answers with each of ``failures`` first."""

    def __init__(self, failures: Sequence[KafkaError]) -> None:
        self._failures = list(failures)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(0)
        if self._failures:
            raise self._failures.pop(0)
        return dict.fromkeys(partitions, END)

    def seek(self, at: TopicPartition, offset: int) -> None:
        return

    def pause(self, at: TopicPartition) -> None:
        return


class _Connection:
    def __init__(self, *failures: KafkaError) -> None:
        self._failures = failures

    async def consumer(self, at: TopicPartition, *, patience: Patience) -> _Consumer:
        return _Consumer(self._failures)


def end(*failures: KafkaError) -> int:
    return run(PartitionReader(cast(Connection, _Connection(*failures)), "log", 0).end())


@pytest.mark.parametrize("failure", [KafkaTimeoutError(), RequestTimedOutError()], ids=["nobody answers", "too slow"])
def test_a_read_waits_while_no_broker_answers(failure: KafkaError) -> None:
    assert end(failure, failure) == END


def test_a_refusal_is_told() -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        end(TopicAuthorizationFailedError())
