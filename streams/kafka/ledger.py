"""The log on Kafka.

acks=all through an idempotent producer: what is acknowledged stands on every replica that is in sync. Brokers write
to disk behind that, so a loss of power of all replicas at once may take the last of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence

from streams.kafka.appender import PartitionAppender
from streams.kafka.connection import Connection
from streams.kafka.conversation_index import ConversationIndex
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record, conversation_of, imported_under, unframe
from streams.kafka.schema_ids import SchemaIds
from streams.kafka.topics import Topics
from streams.partitioner import partition_of
from streams.ports import Entry, LogRecord, Receipt

BATCH = 1000


class KafkaLedger:
    """Reads wait while no broker answers: who can't wait sets a timeout.

    ``read_conversation`` goes by an index in this process's memory (``streams.kafka.conversation_index``).
    """

    def __init__(self, connection: Connection, topics: Topics, ids: SchemaIds | None = None) -> None:
        """``ids``: the lock file's where there are none."""
        self._connection, self._topic, self.partitions = connection, topics.log, topics.partitions
        self._ids = ids
        self._appenders: dict[int, PartitionAppender] = {}
        self._readers: dict[int, PartitionReader] = {}
        self._indexes: dict[int, ConversationIndex] = {}

    def append(self, partition: int, entries: Sequence[Entry]) -> Awaitable[Receipt]:
        """Another writer's records may lie inside a step that no batch holds: the receipt then spans more than it.

        Raises ``UnknownSchemaError`` and ``RecordTooLargeError`` at once: then nothing was submitted.
        """
        appender = self._appenders.get(partition)
        if appender is None:
            appender = PartitionAppender(self._connection, self._topic, partition, self._ids)
            self._appenders[partition] = appender
        return appender.append(entries)

    async def read(self, partition: int, start: int, limit: int = BATCH) -> list[LogRecord]:
        return [_log_record(record) for record in await self._reader(partition).read(start, limit)]

    async def end(self, partition: int) -> int:
        return await self._reader(partition).end()

    async def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]:
        following = self._connection.follow(self._topic, partition, start, BATCH)
        try:
            async for records in following:
                yield [_log_record(record) for record in records]
        finally:
            await following.aclose()

    async def follow_conversation(self, conversation_id: str, start: int) -> AsyncIterator[list[LogRecord]]:
        async for records in self.follow(partition_of(conversation_id, self.partitions), start):
            if found := [record for record in records if record.conversation_id in ("", conversation_id)]:
                yield found

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        partition = partition_of(conversation_id, self.partitions)
        index = self._indexes.get(partition)
        if index is None:
            index = ConversationIndex(PartitionReader(self._connection, self._topic, partition))
            self._indexes[partition] = index
        records = await index.records(conversation_id)
        return [_log_record(r) for r in records if r.offset >= start and (until is None or r.offset < until)]

    async def sync(self) -> None:
        """Nothing to do: an append is acknowledged once every replica that is in sync has it."""

    async def close(self) -> None:
        for appender in self._appenders.values():
            await appender.close()

    def _reader(self, partition: int) -> PartitionReader:
        reader = self._readers.get(partition)
        if reader is None:
            reader = self._readers[partition] = PartitionReader(self._connection, self._topic, partition)
        return reader


def _log_record(record: Record) -> LogRecord:
    return LogRecord(
        record.partition,
        record.offset,
        conversation_of(record.key),
        unframe(record.value),
        imported_under(record.headers),
    )
