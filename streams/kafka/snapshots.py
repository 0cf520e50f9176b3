"""Snapshots on a compacted topic, partition by partition like the log, and in the process's local file.

A process that reads the topic as it grows (``streams.kafka.index_follower``) has them at hand when it takes over.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.local_file import LocalFile, Place
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record, conversation_of
from streams.kafka.topics import Topics
from streams.ports import Snapshot

SAVE_TIMEOUT_S = 5.0
_BATCH = 100  # records of up to a megabyte
_PUT = "insert or replace into snapshot values (?, ?, ?)"
_DROP = "delete from snapshot where place = ? and conversation_id = ?"
_GET = "select data from snapshot where place = ? and conversation_id = ?"


class KafkaSnapshots:
    def __init__(self, connection: Connection, topics: Topics, file: LocalFile) -> None:
        self._connection, self._topic, self._file = connection, topics.snapshot, file
        self._readers: dict[int, PartitionReader] = {}
        self._places: dict[int, Place] = {}

    async def refresh(self, partition: int) -> None:
        await self.open(partition)
        end = await self._reader(partition).end()
        while (start := self._places[partition].next) < end:
            records = await self._reader(partition).read(start, _BATCH, until=end)
            self.add(partition, records, reached=end if len(records) < _BATCH else None)

    async def open(self, partition: int) -> int:
        """The offset from which on the topic is to be read."""
        if partition not in self._places:
            place = self._file.place(self._topic, partition)
            if await self._reader(partition).end() < place.next:  # the topic was made anew
                self._file.forget(place.id)
                place = Place(place.id, 0)
            begin = await self._reader(partition).begin()
            self._places.setdefault(partition, place._replace(next=max(place.next, begin)))
        return self._places[partition].next

    def add(self, partition: int, records: Sequence[Record], reached: int | None = None) -> None:
        """Records of the topic in order; what is known already may come again. ``reached``: every record below was read."""
        place = self._places[partition]
        new = [record for record in records if record.offset >= place.next]
        following = max([place.next, reached or 0, *(record.offset + 1 for record in new)])
        if following == place.next:
            return
        self._places[partition] = place._replace(next=following)
        with suppress(sqlite3.OperationalError), self._file.writing():
            for record in new:
                self._keep(place.id, conversation_of(record.key), record.value)
            self._file.move(self._places[partition])

    async def save(self, snapshot: Snapshot) -> None:
        data = snapshot.encoded()
        if await self._send(snapshot.partition, snapshot.conversation_id, data):
            self._keep_own(snapshot.partition, snapshot.conversation_id, data)

    async def load(self, partition: int, conversation_id: str) -> Snapshot | None:
        if partition not in self._places:
            await self.refresh(partition)
        rows = self._file.rows(_GET, (self._places[partition].id, conversation_id))
        return Snapshot.decoded(rows[0][0]) if rows else None

    async def drop(self, partition: int, conversation_id: str) -> None:
        self._keep_own(partition, conversation_id, None)
        await self._send(partition, conversation_id, None)

    def _keep_own(self, partition: int, conversation_id: str, data: bytes | None) -> None:
        place = self._places.get(partition)
        if place:
            with suppress(sqlite3.OperationalError):
                self._keep(place.id, conversation_id, data)

    def _keep(self, place: int, conversation_id: str, data: bytes | None) -> None:
        if data is None:
            self._file.write(_DROP, [(place, conversation_id)])
        else:
            self._file.write(_PUT, [(place, conversation_id, data)])

    async def _send(self, partition: int, conversation_id: str, data: bytes | None) -> bool:
        """Whether the brokers have it. If not, that is no one's business: broken brokers are the append's to report."""
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(SAVE_TIMEOUT_S):
                producer = await self._connection.shared_producer()
                await producer.send_and_wait(self._topic, data, key=conversation_id.encode(), partition=partition)
                return True
        return False

    def _reader(self, partition: int) -> PartitionReader:
        reader = self._readers.get(partition)
        if reader is None:
            reader = self._readers[partition] = PartitionReader(self._connection, self._topic, partition)
        return reader
