"""Where the records of each conversation lie in a partition: brokers find by offset, never by key.

Built by scanning the partition and held in memory, 8 bytes a record; every use first reads what was appended since the
last one. So the first use in a process costs a scan of the whole partition (~0.4 M records/s), later ones little.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator

from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record, conversation_of

_SCAN = 10_000
_NEAR = 100  # records between two of a conversation that are rather read through than sought over


class ConversationIndex:
    def __init__(self, reader: PartitionReader) -> None:
        self._reader = reader
        self._next = 0
        self._announcements: list[Record] = []  # few, and wanted with every conversation
        self._offsets: dict[str, array[int]] = {}
        self._lock = asyncio.Lock()

    async def records(self, conversation_id: str) -> list[Record]:
        """All of a conversation's and every announcement of an owner, in order of offset."""
        async with self._lock:
            await self._catch_up()
            announcements = list(self._announcements)
            offsets = list(self._offsets.get(conversation_id, ()))
        found = announcements
        for first, last in _stretches(offsets):
            read = await self._reader.read(first, last - first + 1, until=last + 1)
            found.extend(r for r in read if r.key and conversation_of(r.key) == conversation_id)
        return sorted(found, key=lambda record: record.offset)

    async def _catch_up(self) -> None:
        end = await self._reader.end()
        while self._next < end:
            for record in await self._reader.read(self._next, _SCAN, until=end):
                if record.key:
                    self._offsets.setdefault(conversation_of(record.key), array("q")).append(record.offset)
                else:
                    self._announcements.append(record)
                self._next = record.offset + 1


def _stretches(offsets: list[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of stretches of the partition that hold all ``offsets``."""
    start = 0
    for at in range(1, len(offsets) + 1):
        if at == len(offsets) or offsets[at] - offsets[at - 1] > _NEAR:
            yield offsets[start], offsets[at - 1]
            start = at
