"""Follows partitions with one consumer, over brokers that hand out less than was acknowledged.

A broker that was cut off and hasn't heard yet that another leads ends the log before what was read from that other one. Asked
for what comes behind, it says that there is no such offset, as it does of records that were deleted: who follows would take
that for damage. So what lies behind its end is asked for again, for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaTimeoutError, OffsetOutOfRangeError  # type: ignore[import-untyped]

from streams.kafka.partition_fetcher import BEHIND_S

_RETRY_S = 0.1


class Following:
    """Its ``consumer`` has partitions assigned, and is closed by whoever made it."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._behind_since_s: dict[Any, float] = {}

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Mapping[TopicPartition, list[Any]]:
        """aiokafka's records. Raises ``OffsetOutOfRangeError`` where records are gone, and other ``KafkaError``."""
        try:
            fetched: Mapping[TopicPartition, list[Any]] = await self._consumer.getmany(
                timeout_ms=timeout_ms, max_records=max_records
            )
        except OffsetOutOfRangeError as error:
            ((at, offset),) = error.args[0].items()
            if await self._is_gone(at, offset):
                raise
            self._consumer.seek(at, offset)
            return {}
        for at in fetched:
            self._behind_since_s.pop(at, None)
        if not fetched:
            self._consumer._client.look_who_leads()
        return fetched

    def seek(self, at: TopicPartition, offset: int) -> None:
        self._consumer.seek(at, offset)

    async def begin(self, at: TopicPartition) -> int:
        """The first offset that the topic still holds. Raises ``KafkaError``."""
        return int((await self._consumer.beginning_offsets([at]))[at])

    async def _is_gone(self, at: TopicPartition, offset: int) -> bool:
        """Or is the broker behind? It is believed only once it said so for ``BEHIND_S``."""
        now_s = asyncio.get_running_loop().time()
        since_s = self._behind_since_s.setdefault(at, now_s)
        try:
            if await self.begin(at) > offset or now_s - since_s >= BEHIND_S:
                return True
        except KafkaTimeoutError:  # no broker answers: whoever does so next will tell
            return False
        await asyncio.sleep(_RETRY_S)
        await self._consumer._client.force_metadata_update()
        return False
