"""The log on Kafka.

acks=all through an idempotent producer: what is acknowledged stands on every replica that is in sync. Brokers write
to disk behind that, so a loss of power of all replicas at once may take the last of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from functools import partial

from streams.kafka.appender import PartitionAppender
from streams.kafka.connection import Connection
from streams.kafka.conversation_follower import ConversationFollower
from streams.kafka.conversation_index import ConversationIndex
from streams.kafka.local_file import LocalFile
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import log_record
from streams.kafka.schema_ids import SchemaIds
from streams.kafka.topics import Topics
from streams.partitioner import partition_of
from streams.ports import Entry, LogRecord, Receipt

BATCH = 1000


class KafkaLedger:
    """Reads wait while no broker answers: who can't wait sets a timeout.

    ``read_conversation`` goes by an index (``streams.kafka.conversation_index``), which is built the first time that it
    is asked.
    """

    def __init__(
        self, connection: Connection, topics: Topics, ids: SchemaIds | None = None, file: LocalFile | None = None
    ) -> None:
        """``ids``: the lock file's where there are none. ``file``: where the index is kept; in memory without one."""
        self._file = file or LocalFile()
        self._connection, self._topic, self.partitions = connection, topics.log, topics.partitions
        self._ids = ids
        self._appenders: dict[int, PartitionAppender] = {}
        self._readers: dict[int, PartitionReader] = {}
        self._indexes: dict[int, ConversationIndex] = {}
        self._followers: dict[int, ConversationFollower] = {}

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        """Another writer's records may lie inside a step that no batch holds: the receipt then spans more than it.

        Raises ``UnknownSchemaError`` and ``RecordTooLargeError`` at once: then nothing was submitted.
        """
        appender = self._appenders.get(partition)
        if appender is None:
            appender = PartitionAppender(self._connection, self._topic, partition, self._ids)
            self._appenders[partition] = appender
        receipt = appender.append(entries, hurry=hurry)
        receipt.add_done_callback(partial(self._landed, partition, entries))
        return receipt

    async def read(self, partition: int, start: int, limit: int = BATCH) -> list[LogRecord]:
        return await self._reader(partition).read_log(start, limit)

    async def end(self, partition: int) -> int:
        return await self._reader(partition).end()

    async def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]:
        following = self._connection.follow(self._topic, partition, start, BATCH)
        try:
            async for records in following:
                yield [log_record(record) for record in records]
        finally:
            await following.aclose()

    async def follow_conversation(self, conversation_id: str, start: int) -> AsyncIterator[list[LogRecord]]:
        partition = partition_of(conversation_id, self.partitions)
        follower = self._followers.get(partition)
        if follower is None:
            follower = ConversationFollower(self._connection, self._reader(partition))
            self._followers[partition] = follower
        async with aclosing(follower.follow(conversation_id, start)) as following:
            async for records in following:
                yield [log_record(record) for record in records]

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        """``until`` must not lie behind the log's end. To who gives it, what this process appended costs no question to
        the brokers."""
        index = self.index(partition_of(conversation_id, self.partitions))
        return [log_record(record) for record in await index.records(conversation_id, start, until)]

    def index(self, partition: int) -> ConversationIndex:
        index = self._indexes.get(partition)
        if index is None:
            index = ConversationIndex(PartitionReader(self._connection, self._topic, partition), self._file)
            self._indexes[partition] = index
        return index

    async def sync(self) -> None:
        """Nothing to do: an append is acknowledged once every replica that is in sync has it."""

    async def close(self) -> None:
        for appender in self._appenders.values():
            await appender.close()
        for follower in self._followers.values():
            await follower.close()
        for index in self._indexes.values():
            index.write()

    def _landed(self, partition: int, entries: Sequence[Entry], receipt: asyncio.Future[Receipt]) -> None:
        if receipt.cancelled() or receipt.exception():
            return
        first, last = receipt.result()
        self._reader(partition).reaches(last + 1)
        if partition in self._indexes and last - first + 1 == len(entries):  # else another writer's records lie inside
            self._indexes[partition].appended(first, entries)

    def _reader(self, partition: int) -> PartitionReader:
        reader = self._readers.get(partition)
        if reader is None:
            reader = self._readers[partition] = PartitionReader(self._connection, self._topic, partition)
        return reader
