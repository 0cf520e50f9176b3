"""Follows many conversations of one partition with one consumer.

Each record is looked at once and given, by its key, to whoever follows that conversation. Who joins late, or reads so
slowly that its queue is full, reads from the log itself what it missed; nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from aiokafka.errors import ConsumerStoppedError, KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import StampedRecord

MOST_WAITING = 1_000  # records of one conversation
LINGER_S = 30.0  # how long nobody may follow before the consumer is closed
_BATCH = 1000
_TIMEOUT_MS = 1000


class _Subscriber:
    """``since``: everything of it from this offset on is or was in ``waiting``."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.waiting: list[StampedRecord] = []
        self.has_some = asyncio.Event()
        self.failure: KafkaError | None = None

    def give(self, record: StampedRecord) -> None:
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.clear()
            self.since = record.offset + 1
        else:
            self.waiting.append(record)
        self.has_some.set()


class ConversationFollower:
    """``reader``: for what was missed."""

    def __init__(self, connection: Connection, reader: PartitionReader) -> None:
        self._connection, self._reader, self._at = connection, reader, reader.at
        self._subscribers: dict[bytes, list[_Subscriber]] = {}
        self._next = 0  # everything below was given
        self._following: asyncio.Task[None] | None = None

    async def follow(self, conversation_id: str, start: int) -> AsyncGenerator[list[StampedRecord], None]:
        """Its records and those of no conversation, from offset ``start`` on, without end."""
        key = conversation_id.encode()
        subscriber = self._join(key, start)
        try:
            while True:
                while start < subscriber.since:
                    read = await self._reader.read(start, _BATCH, until=subscriber.since)
                    start = read[-1].offset + 1 if len(read) == _BATCH else subscriber.since
                    if found := [record for record in read if record.key == key or not record.key]:
                        yield found
                if subscriber.failure:
                    raise subscriber.failure
                found = [record for record in subscriber.waiting if record.offset >= start]
                subscriber.waiting.clear()
                subscriber.has_some.clear()
                if found:
                    start = found[-1].offset + 1
                    yield found
                else:
                    await subscriber.has_some.wait()
        finally:
            self._leave(key, subscriber)

    async def close(self) -> None:
        if self._following:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._fail(ConsumerStoppedError())

    def _join(self, key: bytes, start: int) -> _Subscriber:
        if self._following is None:
            self._next = start
            self._following = asyncio.create_task(self._follow())
        subscriber = _Subscriber(self._next)
        self._subscribers.setdefault(key, []).append(subscriber)
        return subscriber

    def _leave(self, key: bytes, subscriber: _Subscriber) -> None:
        left = self._subscribers[key]
        left.remove(subscriber)
        if not left:
            del self._subscribers[key]

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        wanted_at_s = loop.time()
        try:
            async with self._connection.following({self._at: self._next}) as consumer:
                while self._subscribers or loop.time() - wanted_at_s < LINGER_S:
                    fetched = await consumer.getmany(timeout_ms=_TIMEOUT_MS, max_records=_BATCH)
                    self._give(fetched.get(self._at, []))
                    if self._subscribers:
                        wanted_at_s = loop.time()
                self._following = None  # who comes from here on starts anew
        except KafkaError as error:
            self._fail(error)
        finally:
            if self._following is asyncio.current_task():  # else somebody came while this consumer was closed
                self._following = None

    def _give(self, records: list[StampedRecord]) -> None:
        for record in records:
            if record.key:
                for subscriber in self._subscribers.get(record.key, ()):
                    subscriber.give(record)
            else:
                for subscribers in self._subscribers.values():
                    for subscriber in subscribers:
                        subscriber.give(record)
            self._next = record.offset + 1

    def _fail(self, error: KafkaError) -> None:
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.failure = error
                subscriber.has_some.set()
