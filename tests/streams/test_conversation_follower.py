"""One consumer for all who follow conversations of a partition, whoever comes and goes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]
from support import run

from streams.kafka import conversation_follower
from streams.kafka.connection import Connection
from streams.kafka.conversation_follower import ConversationFollower
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import StampedRecord

AT = TopicPartition("log", 0)


class _Reader:
    at = AT


class _Connection:
    """Its consumers have nothing to give, and close only once they may."""

    def __init__(self) -> None:
        self.opened = 0
        self.may_close = asyncio.Event()

    @asynccontextmanager
    async def following(self, starts: Mapping[TopicPartition, int]) -> AsyncIterator[_Connection]:
        self.opened += 1
        try:
            yield self
        finally:
            await self.may_close.wait()

    async def getmany(self, **_: Any) -> Mapping[TopicPartition, list[StampedRecord]]:
        await asyncio.sleep(0)
        return {}


async def _a_few_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_who_comes_while_a_consumer_that_nobody_wanted_is_closed_shares_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversation_follower, "LINGER_S", 0.0)

    async def scenario() -> int:
        connection = _Connection()
        follower = ConversationFollower(cast(Connection, connection), cast(PartitionReader, _Reader()))

        async def follow(conversation_id: str) -> None:
            async with aclosing(follower.follow(conversation_id, 0)) as following:
                await anext(following)

        async def begun(conversation_id: str) -> asyncio.Task[None]:
            following = asyncio.create_task(follow(conversation_id))
            await _a_few_turns()
            return following

        first = await begun("a")
        first.cancel()
        await _a_few_turns()  # the consumer is being closed
        others = [await begun("b")]
        connection.may_close.set()
        await _a_few_turns()
        others.append(await begun("c"))
        for other in others:
            other.cancel()
        await asyncio.gather(first, *others, return_exceptions=True)
        await follower.close()
        return connection.opened

    assert run(scenario()) == 2
