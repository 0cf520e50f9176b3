"""Where the records of each conversation lie in a partition: brokers find by offset, never by key.

Built by reading the partition once, without decoding, and kept in a local file (``streams.kafka.local_file``): for each
conversation the stretches of offsets that are its own. What was read since the file was written last is in memory.
An owner's own appends enter it as they are acknowledged, so while it reigns nothing is read twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from streams.kafka.local_file import LocalFile, Place
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import FRAME_BYTES, Headers, Record, conversation_of
from streams.ports import Entry

_LOG = logging.getLogger(__name__)

_SCAN = 10_000
_NEAR = 100  # records between two of a conversation that are rather read through than sought over
WRITE_AFTER_RECORDS = 5_000
WRITE_AFTER_S = 5.0
_ADD_STRETCHES = "insert or replace into stretch values (?, ?, ?, ?)"
_ADD_ANNOUNCEMENT = "insert or replace into announcement values (?, ?, ?)"
_STRETCHES = "select ranges from stretch where place = ? and conversation_id = ? order by first"
_ANNOUNCEMENTS = "select offset, data from announcement where place = ? order by offset"


@dataclass
class Announcement:
    """A record of no conversation: few, and wanted with every conversation, so they are kept whole."""

    partition: int
    offset: int
    value: bytes | None
    headers: Headers
    key: bytes | None = None


class ConversationIndex:
    """``reader``: of the partition, used by nobody else: a first reading of all of it may take a while."""

    def __init__(self, reader: PartitionReader, file: LocalFile) -> None:
        self._reader, self._file = reader, file
        self._place = Place(0, 0)
        self._fresh: dict[str, list[int]] = {}  # conversation → first and last of each stretch, one after another
        self._announced: list[Announcement] = []
        self._unwritten = 0  # records
        self._written_at_s = time.monotonic()
        self._lost = 0  # below this, records were deleted that the index never saw
        self._is_open = False
        self._lock = asyncio.Lock()

    @property
    def next(self) -> int:
        """Every record below is known."""
        return self._place.next

    async def open(self) -> None:
        """Looks whether the topic still is the one that the file knows. Waits while no broker answers."""
        async with self._lock:
            await self._open()

    async def records(self, conversation_id: str, start: int, until: int | None) -> list[Record]:
        """A conversation's and every announcement of an owner in [``start``, ``until``), in order of offset.

        Raises ``TopicRecordsGoneError``: records that were deleted before they were indexed might be among them.
        """
        async with self._lock:
            await self._open()
            if start < self._lost:
                await self._reader.read(start, 1)
            if until is None:
                until = await self._reader.end(self.next)
            while self.next < until:
                self.add(await self._reader.read(self.next, _SCAN, until=until))
        found: list[Record] = [a for a in self._announcements() if start <= a.offset < until]
        for first, last in list(_joined(self._stretches(conversation_id), start, until)):  # as it is before any await
            read = await self._reader.read(first, last - first + 1, until=last + 1)
            found.extend(r for r in read if r.key and conversation_of(r.key) == conversation_id)
        return sorted(found, key=lambda record: record.offset)

    def add(self, records: Sequence[Record]) -> None:
        """Records of the partition in order, none left out; what is known already may come again."""
        for record in records:
            if record.offset < self.next:
                continue
            if record.key:
                self._note(conversation_of(record.key), record.offset)
            else:
                self._announced.append(
                    Announcement(record.partition, record.offset, record.value, list(record.headers))
                )
            self._place = self._place._replace(next=record.offset + 1)
            self._unwritten += 1
        if records and records[-1].offset == self.next - 1:
            self._mark((records[-1].value or b"")[FRAME_BYTES:])
        self._write_if_due()

    def appended(self, first: int, entries: Sequence[Entry]) -> None:
        """An append of this process landed at ``first`` and behind. Passed over where it doesn't follow on what is known."""
        if not self._is_open or first != self.next or not all(entry.conversation_id for entry in entries):
            return
        for offset, entry in enumerate(entries, first):
            self._note(entry.conversation_id, offset)
        self._place = self._place._replace(next=first + len(entries))
        self._unwritten += len(entries)
        self._mark(entries[-1].body.data)
        self._write_if_due()

    def write(self) -> None:
        """Brings the file up to what is known. A file that takes nothing is tried again later. One without the records that
        are lost would not tell who reads it next that they are."""
        if self._lost:
            return
        rows = [
            (self._place.id, conversation_id, stretches[0], msgspec.msgpack.encode(stretches))
            for conversation_id, stretches in self._fresh.items()
        ]
        announced = [(self._place.id, a.offset, msgspec.msgpack.encode((a.value, a.headers))) for a in self._announced]
        self._unwritten, self._written_at_s = 0, time.monotonic()
        try:
            with self._file.writing():
                self._file.write(_ADD_STRETCHES, rows)
                self._file.write(_ADD_ANNOUNCEMENT, announced)
                self._file.move(self._place)
        except sqlite3.OperationalError as error:
            _LOG.warning("the index of partition %s stays in memory: %s", self._reader.at.partition, error)
            return
        self._fresh.clear()
        self._announced.clear()

    async def _open(self) -> None:
        if self._is_open:
            return
        at = self._reader.at
        self._place = self._file.place(at.topic, at.partition)
        begin = await self._reader.begin()
        if self._place.next and not await self._is_the_same(begin):
            _LOG.info("partition %s of %s is not what it was: its index is built anew", at.partition, at.topic)
            self._file.forget(self._place.id)
            self._place = Place(self._place.id, 0)
        if self._place.next < begin:
            self._place, self._lost = self._place._replace(next=begin), begin
        self._is_open = True

    async def _is_the_same(self, begin: int) -> bool:
        at = self._place.mark_offset
        if at < begin or await self._reader.end() < self._place.next:
            return False
        found = await self._reader.read(at, 1, until=at + 1)
        return bool(found) and _digest((found[0].value or b"")[FRAME_BYTES:]) == self._place.mark

    def _note(self, conversation_id: str, offset: int) -> None:
        stretches = self._fresh.setdefault(conversation_id, [])
        if stretches and stretches[-1] == offset - 1:
            stretches[-1] = offset
        else:
            stretches += (offset, offset)

    def _mark(self, body: bytes) -> None:
        self._place = self._place._replace(mark_offset=self.next - 1, mark=_digest(body))

    def _write_if_due(self) -> None:
        late = time.monotonic() - self._written_at_s > WRITE_AFTER_S
        if self._unwritten >= WRITE_AFTER_RECORDS or (self._unwritten and late):
            self.write()

    def _announcements(self) -> Iterator[Announcement]:
        for offset, data in self._file.rows(_ANNOUNCEMENTS, (self._place.id,)):
            value, headers = msgspec.msgpack.decode(data, type=tuple[bytes | None, list[tuple[str, bytes]]])
            yield Announcement(self._reader.at.partition, offset, value, headers)
        yield from self._announced

    def _stretches(self, conversation_id: str) -> Iterator[tuple[int, int]]:
        kept = self._file.rows(_STRETCHES, (self._place.id, conversation_id))
        for stretches in (*(msgspec.msgpack.decode(row[0]) for row in kept), self._fresh.get(conversation_id, [])):
            yield from zip(stretches[::2], stretches[1::2], strict=True)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:16]


def _joined(stretches: Iterator[tuple[int, int]], start: int, until: int) -> Iterator[tuple[int, int]]:
    """Those that touch [``start``, ``until``), neighbours read as one."""
    joined: tuple[int, int] | None = None
    for first, last in stretches:
        first, last = max(first, start), min(last, until - 1)
        if first > last:
            continue
        if joined and first - joined[1] <= _NEAR:
            joined = (joined[0], last)
            continue
        if joined:
            yield joined
        joined = (first, last)
    if joined:
        yield joined
