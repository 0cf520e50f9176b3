"""The inbox on Kafka: any process puts, the owner of a partition follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.codec import Body
from streams.kafka.connection import Connection
from streams.kafka.records import conversation_of, to_record, unframe
from streams.kafka.schema_ids import SchemaIds, lock_file_ids
from streams.kafka.topics import Topics
from streams.partitioner import partition_of
from streams.ports import InboxRecord, InboxUnavailableError

BATCH = 1000
PUT_TIMEOUT_S = 10.0


class KafkaInbox:
    """A fact that was put twice stands twice in the topic, under one event id: the owner takes the first."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        *,
        put_timeout_s: float = PUT_TIMEOUT_S,
        ids: SchemaIds | None = None,
    ) -> None:
        """``ids``: the lock file's where there are none."""
        self._connection, self._topic, self.partitions = connection, topics.inbox, topics.partitions
        self._put_timeout_s, self._ids = put_timeout_s, ids or lock_file_ids()

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        record = to_record(conversation_id, body, self._ids)
        partition = partition_of(conversation_id, self.partitions)
        try:
            async with asyncio.timeout(self._put_timeout_s):
                producer = await self._connection.shared_producer()
                await producer.send_and_wait(
                    self._topic, record.value, key=record.key, partition=partition, headers=record.headers
                )
        except TimeoutError:
            raise InboxUnavailableError(f"no broker acknowledged the fact in {self._put_timeout_s:g} s") from None
        except KafkaError as error:
            raise InboxUnavailableError(f"the brokers took nothing: {error}") from None

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
        """A fact that nobody took while the topic kept it is lost: warned of, and passed over."""
        following = self._connection.follow(self._topic, partition, after + 1, BATCH, begins_later=True)
        try:
            async for records in following:
                yield [InboxRecord(r.partition, r.offset, conversation_of(r.key), unframe(r.value)) for r in records]
        finally:
            await following.aclose()
