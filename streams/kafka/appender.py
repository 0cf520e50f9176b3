"""Appends to one partition of the log, in the order in which they were submitted.

One batch is under way at a time. So a step lies in one batch where it fits (a broker takes a batch whole or not at all),
and when a batch fails, nothing behind it was sent. What waited behind it fails too, and so does everything until an
owner announces itself: no step of a reign may land where one before it may be missing.

What is in no hurry leaves with the next append that is, or after ``LINGER_S`` by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import CLOSE_TIMEOUT_S, MAX_BATCH_BYTES, MAX_RECORD_BYTES, Connection
from streams.kafka.partition_producer import PartitionProducer, Sent
from streams.kafka.records import KafkaRecord, to_record
from streams.kafka.schema_ids import SchemaIds, lock_file_ids
from streams.ports import AppendUnknownError, Entry, Receipt

# A turn of 17 model calls left in 12 batches; with this it leaves in 6.
LINGER_S = 0.05
_OVERHEAD_BYTES = 64  # of a record in a batch: lengths, deltas and what stands around headers; an upper bound


class RecordTooLargeError(ValueError):
    """No broker would take it."""


class _Append(NamedTuple):
    records: list[KafkaRecord]
    size_bytes: int
    receipt: asyncio.Future[Receipt]
    announces: bool  # an owner's announcement
    hurry: bool


class _Flight:
    """Appends that are on their way together, in as many batches as it takes."""

    def __init__(self, appends: list[_Append]) -> None:
        self.appends = appends
        self._records = [record for append in appends for record in append.records]
        self._sent: Sent | None = None
        self._offsets: list[int] = []

    def depart(self, producer: PartitionProducer) -> None:
        """Writes the next batch."""
        self._sent = producer.send(self._records[len(self._offsets) :])

    async def land(self, producer: PartitionProducer) -> None:
        """Raises ``KafkaError`` and ``AppendUnknownError``."""
        while len(self._offsets) < len(self._records):
            if self._sent is None:
                self.depart(producer)
            assert self._sent is not None
            first, count = await producer.landed(self._sent), self._sent.records
            if first < (self._offsets[-1] + 1 if self._offsets else 0):  # below 0: a duplicate whose place is forgotten
                raise AppendUnknownError("the brokers don't say where an append landed")
            self._offsets.extend(range(first, first + count))
            self._sent = None

    def deliver(self) -> None:
        """Everybody gets their receipt."""
        end = 0
        for append in self.appends:
            start, end = end, end + len(append.records)
            if not append.receipt.done():
                append.receipt.set_result(Receipt(self._offsets[start], self._offsets[end - 1]))


class PartitionAppender:
    """A producer of its own: after a failure the sequence numbers of its partition are lost, so it is replaced."""

    def __init__(self, connection: Connection, topic: str, partition: int, ids: SchemaIds | None = None) -> None:
        """``ids``: the lock file's where there are none."""
        self._connection, self._topic, self._partition = connection, topic, partition
        self._ids = ids or lock_file_ids()
        self._waiting: deque[_Append] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._producer: PartitionProducer | None = None
        self._failed = self._closing = False

    def append(self, entries: Sequence[Entry], *, hurry: bool = True) -> asyncio.Future[Receipt]:
        """Raises ``UnknownSchemaError`` and ``RecordTooLargeError`` at once: then nothing was submitted."""
        records = [to_record(e.conversation_id, e.body, self._ids, e.imported_under) for e in entries]
        sizes = [_size_bytes(record) for record in records]
        if max(sizes, default=0) > MAX_RECORD_BYTES:
            raise RecordTooLargeError(f"a record of {max(sizes)} bytes: {MAX_RECORD_BYTES} is the most")
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        append = _Append(records, sum(sizes), receipt, entries[0].conversation_id == "", hurry)
        if self._failed and not append.announces:
            _fail(append, "an append before it failed")
            return receipt
        self._failed = False
        self._waiting.append(append)
        if self._sending is None:
            (self._send if hurry else self._linger)()
        return receipt

    def _linger(self) -> None:
        if self._lingering is None:
            self._lingering = asyncio.get_running_loop().call_later(LINGER_S, self._send)

    def _send(self) -> None:
        """All that waits; where something is under way, that sees to it when it has landed."""
        if self._lingering:
            self._lingering.cancel()
            self._lingering = None
        if self._sending is None and self._waiting:
            self._sending = asyncio.get_running_loop().create_task(self._send_all(self._departed()))

    def _departed(self) -> _Flight:
        """At once, where there is a producer: what a caller hears may wait for it, and the loop has much to do."""
        flight = _Flight(self._take())
        if self._producer:
            flight.depart(self._producer)
        return flight

    async def close(self) -> None:
        """Waits for what is under way and what lingers, but not for ever."""
        self._closing = True
        self._send()
        if self._sending:
            await asyncio.wait([self._sending], timeout=CLOSE_TIMEOUT_S)
        if self._sending:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending

    async def _send_all(self, flight: _Flight) -> None:
        """One flight after another, while somebody is in a hurry."""
        try:
            while True:
                try:
                    await self._land(flight)
                except (KafkaError, AppendUnknownError) as error:
                    self._fail_all(flight.appends, f"the brokers did not acknowledge an append: {error}")
                    await self._replace_producer()
                except BaseException:
                    self._fail_all(flight.appends, "the log was closed with an append under way")
                    raise
                if not any(append.hurry or self._closing for append in self._waiting):
                    break
                flight = _Flight(self._take())
        finally:
            self._sending = None
        if self._waiting:
            self._linger()

    def _take(self) -> list[_Append]:
        """Whole steps for one batch; a step that no batch holds comes alone."""
        appends, size_bytes = [self._waiting.popleft()], 0
        size_bytes = appends[0].size_bytes
        while self._waiting and size_bytes + self._waiting[0].size_bytes <= MAX_BATCH_BYTES:
            appends.append(self._waiting.popleft())
            size_bytes += appends[-1].size_bytes
        return appends

    async def _land(self, flight: _Flight) -> None:
        if self._producer is None:
            self._producer = await self._connection.partition_producer(self._topic, self._partition)
        await flight.land(self._producer)
        flight.deliver()

    def _fail_all(self, appends: list[_Append], why: str) -> None:
        """What waits behind a failure fails with it, up to the next announcement of an owner."""
        self._failed = True
        while self._waiting and not self._waiting[0].announces:
            appends.append(self._waiting.popleft())
        if self._waiting:
            self._failed = False
        for append in appends:
            _fail(append, why)

    async def _replace_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer:
            await self._connection.drop(producer)


def _size_bytes(record: KafkaRecord) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value) + headers + _OVERHEAD_BYTES


def _fail(append: _Append, why: str) -> None:
    if not append.receipt.done():
        append.receipt.set_exception(AppendUnknownError(why))
