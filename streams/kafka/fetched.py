"""What one fetch brought of a partition: record batches, read as they are wanted. Pure.

They are read by aiokafka's own readers. Where records of the log are wanted and the readers in C were compiled
(``streams.kafka.native_fetched``), those read what stands there in its usual form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import CorruptRecordException, RecordTooLargeError  # type: ignore[import-untyped]
from aiokafka.record import MemoryRecords  # type: ignore[import-untyped]

from streams.kafka.native_fetched import native_batches
from streams.kafka.records import Headers, StampedRecord, log_record
from streams.ports import LogRecord


@dataclass(slots=True)
class FetchedRecord:
    """``timestamp``: ms since the Unix epoch."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Fetched:
    """``position``: the offset behind what was read; at first of the first record that is wanted, whatever lies before it in its
    batch. A part of a batch at the end isn't read.

    Reading raises ``CorruptRecordException`` for a wrong checksum or what is no batch.
    """

    def __init__(self, partition: int, data: bytes, position: int) -> None:
        """Raises ``RecordTooLargeError`` where there is but a part of a batch: then none will ever come."""
        self._partition, self._data, self.position = partition, data, position
        self._batches = native_batches(data, partition, position)
        self._ahead: Iterator[Any] | None = None
        self._next: Any = None
        if data and not MemoryRecords(data).has_next():
            raise RecordTooLargeError(f"partition {partition}: a batch at offset {position} is larger than a fetch")

    def records(self, until: int, limit: int) -> list[StampedRecord]:
        """The next of them below the offset ``until``, up to ``limit``."""
        self._batches = None  # it would not move on with this
        found: list[StampedRecord] = []
        while len(found) < limit and self.position < until:
            record = self._peeked()
            if record is None:
                break
            if record.offset >= until:  # nothing stands between
                self.position = until
                break
            self._next = None
            self.position = record.offset + 1
            found.append(
                FetchedRecord(
                    self._partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
                )
            )
        return found

    def log_records(self, until: int, limit: int) -> list[LogRecord]:
        """The same, as records of the log."""
        if self._batches:
            try:
                found = self._batches.log_records(until, limit)
            except ValueError:
                self._batches = None
            else:
                self.position = self._batches.position
                return found
        return [log_record(record) for record in self.records(until, limit)]

    def _peeked(self) -> Any:
        """None: that was all."""
        if self._ahead is None:
            self._ahead = self._unpacked()
        if self._next is None:
            self._next = next(self._ahead, None)
        return self._next

    def _unpacked(self) -> Iterator[Any]:
        batches = MemoryRecords(self._data)
        while batches.has_next():
            batch = batches.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException(
                    f"partition {self._partition}, offset {batch.base_offset}: a wrong checksum"
                )
            if not batch.is_control_batch:
                for record in batch:
                    if record.offset >= self.position:
                        yield record
            self.position = max(self.position, batch.next_offset)  # compaction leaves gaps, at a batch's end too
