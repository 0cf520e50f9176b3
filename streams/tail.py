"""One conversation as it is decided: effective events, in order, decoded only where they are this conversation's."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.partitioner import partition_of
from streams.ports import Ledger, LogRecord

_LOG = logging.getLogger(__name__)


class ConversationTail:
    """Start it before the conversation's first fact is put; it begins at the log's end as it then is."""

    def __init__(self, ledger: Ledger, codec: Codec, conversation_id: str, *, partition: int | None = None) -> None:
        self._ledger, self._codec, self._conversation_id = ledger, codec, conversation_id
        self._partition = partition_of(conversation_id, ledger.partitions) if partition is None else partition
        self._reader = EffectiveReader()
        self._next = 0
        self.decoded = 0
        self.foreign = 0  # records of others that were passed over undecoded

    async def begin(self) -> list[Event]:
        """What the conversation holds already, void records left out. Later ``events`` goes on from there."""
        self._next = await self._ledger.end(self._partition)
        events: list[Event] = []
        for record in await self._ledger.read_conversation(self._conversation_id):
            if record.offset < self._next:
                events.extend(self._take(record))
        return events

    async def to_end(self) -> AsyncIterator[Event]:
        """Everything from here to the log's end. ``events`` may run beside it: each event is given to one of them, and
        is given before anything behind it is."""
        while records := await self._ledger.read(self._partition, self._next):
            for event in self._new(records):
                yield event

    async def events(self) -> AsyncIterator[Event]:
        async for records in self._ledger.follow(self._partition, self._next):
            for event in self._new(records):
                yield event

    def _new(self, records: list[LogRecord]) -> Iterator[Event]:
        for record in records:
            if record.offset >= self._next:
                self._next = record.offset + 1
                yield from self._take(record)

    def _take(self, record: LogRecord) -> tuple[Event, ...]:
        if record.conversation_id not in ("", self._conversation_id):
            self.foreign += 1
            return ()
        self.decoded += 1
        try:
            return self._reader.feed(record, self._codec.decode(record.body))
        except (UndecodableError, BrokenStepError) as error:  # verify names it; the call goes on without that step
            _LOG.error("offset %s of this conversation can't be read: %s", record.offset, error)
            self._reader.give_up_step()
            return ()
