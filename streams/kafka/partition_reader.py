"""Reads stretches of one partition on demand."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    KafkaError,
    KafkaTimeoutError,
    OffsetOutOfRangeError,
)

from streams.kafka.connection import RETRY_S, Connection, Patience
from streams.kafka.gone import TopicRecordsGoneError
from streams.kafka.records import StampedRecord

# A seek has to wait for the fetch that is under way: it must not wait long for records that may never come.
_PATIENCE = Patience(5)
_GETMANY_TIMEOUT_MS = 1000


class PartitionReader:
    """One consumer, paused between reads so that it fetches nothing that nobody asked for.

    Reads wait while no broker answers: who can't wait sets a timeout.
    """

    def __init__(self, connection: Connection, topic: str, partition: int) -> None:
        self._connection = connection
        self.at = TopicPartition(topic, partition)
        self._consumer: AIOKafkaConsumer | None = None
        self._next: int | None = None
        self._lock = asyncio.Lock()

    async def end(self) -> int:
        """The offset that the next record will have."""
        async with self._lock:
            return await self._asked(await self._opened(), "end_offsets")

    async def begin(self) -> int:
        """The first offset that the topic still holds."""
        async with self._lock:
            return await self._asked(await self._opened(), "beginning_offsets")

    async def read(self, start: int, limit: int, *, until: int | None = None) -> list[StampedRecord]:
        """Records of [``start``, ``until``), up to ``limit``; ``until``: the end as it is now, where it is None.

        Raises ``TopicRecordsGoneError`` where the topic no longer holds ``start``.
        """
        async with self._lock:
            consumer = await self._opened()
            if until is None:
                until = await self._asked(consumer, "end_offsets")
            if start >= until:
                return []
            found: list[StampedRecord] = []
            consumer.resume(self.at)
            try:
                if self._next != start:
                    consumer.seek(self.at, start)
                self._next = None  # unknown, should this be cancelled half-way
                position = start
                while position < until and len(found) < limit:
                    fetched = await consumer.getmany(timeout_ms=_GETMANY_TIMEOUT_MS, max_records=limit - len(found))
                    for records in fetched.values():
                        found.extend(record for record in records if record.offset < until)
                    position = await consumer.position(self.at)
                self._next = position
            except OffsetOutOfRangeError as error:
                raise TopicRecordsGoneError(error) from None
            finally:
                consumer.pause(self.at)
            return found

    async def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = await self._connection.consumer(self.at, patience=_PATIENCE)
            consumer.seek(self.at, 0)
            consumer.pause(self.at)
            self._consumer = consumer
        return self._consumer

    async def _asked(self, consumer: AIOKafkaConsumer, what: str) -> int:
        while True:
            try:
                return int((await getattr(consumer, what)([self.at]))[self.at])
            except KafkaTimeoutError:
                continue
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(RETRY_S)
