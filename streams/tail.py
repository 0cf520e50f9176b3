"""One conversation as it is decided: effective events, in order, decoded only where they are this conversation's."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.partitioner import partition_of
from streams.ports import Ledger, LogRecord, StateStore

_LOG = logging.getLogger(__name__)


class ConversationTail:
    """Start it before the conversation's first fact is put; it begins at the log's end as it then is.

    ``states``: where the partition's owner says how far it is. With it a tail reads from the conversation's first record
    on, or not even that where it is new; without, what the conversation holds is looked up in all of its partition.
    """

    def __init__(
        self,
        ledger: Ledger,
        codec: Codec,
        conversation_id: str,
        *,
        partition: int | None = None,
        states: StateStore | None = None,
    ) -> None:
        self._ledger, self._codec, self._conversation_id, self._states = ledger, codec, conversation_id, states
        self._partition = partition_of(conversation_id, ledger.partitions) if partition is None else partition
        self._reader = EffectiveReader()
        self._next = 0
        self._is_prepared = False
        self.decoded = 0
        self.foreign = 0  # records of others that were passed over undecoded

    async def begin(self, *, is_new: bool = False) -> list[Event]:
        """What the conversation holds already, void records left out. Later ``events`` goes on from there.

        ``is_new``: nobody has put a fact of it yet.
        """
        held = await self._states.load(self._partition) if self._states else None
        if held is None:
            return await self._look_up()
        first = held.open_conversations.get(self._conversation_id)
        passive = held.passive.get(self._conversation_id)
        if first is None and passive is not None:
            first = passive.first
        if first is not None:
            records = await self._ledger.read(self._partition, first, 1)
            if not records or records[0].conversation_id != self._conversation_id:
                return await self._look_up()
            self._begin_at(first, await self._epoch_of(records[0]))
            return [event async for event in self.to_end()]
        self._begin_at(held.offset, held.epoch)
        events = [event async for event in self.to_end()]
        if is_new or (events and events[0].seq == 1):
            return events
        return await self._look_up()  # closed, or it waits for nothing but its next fact, or it is new after all

    async def to_end(self) -> AsyncIterator[Event]:
        """Everything from here to the log's end. ``events`` may run beside it: each event is given to one of them, and
        is given before anything behind it is."""
        while records := await self._ledger.read(self._partition, self._next):
            await self._prepare(records)
            for event in self._new(records):
                yield event

    async def events(self) -> AsyncIterator[Event]:
        following = self._ledger.follow_conversation(self._conversation_id, self._next)
        try:
            async for records in following:
                await self._prepare(records)
                for event in self._new(records):
                    yield event
        finally:
            if isinstance(following, AsyncGenerator):  # it may share a consumer with others: it leaves at once
                await following.aclose()

    async def _look_up(self) -> list[Event]:
        end = await self._ledger.end(self._partition)
        self._begin_at(0, epoch=0)
        records = await self._ledger.read_conversation(self._conversation_id, until=end)
        await self._prepare(records)
        events = list(self._new(records))
        self._next = end
        return events

    def _begin_at(self, offset: int, epoch: int) -> None:
        self._next, self._reader = offset, EffectiveReader(epoch)

    async def _epoch_of(self, record: LogRecord) -> int:
        """The one in force at an effective record."""
        await self._prepare([record])
        if record.imported_under is not None:
            return record.imported_under
        try:
            return self._codec.decode(record.body, record.conversation_id).epoch
        except UndecodableError:  # its step is passed over, as ``_take`` does
            return 0

    async def _prepare(self, records: list[LogRecord]) -> None:
        """Once its first record is there, its key was made."""
        if not self._is_prepared and any(record.conversation_id == self._conversation_id for record in records):
            await self._codec.prepare((self._conversation_id,))
            self._is_prepared = True

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
            return self._reader.feed(record, self._codec.decode(record.body, record.conversation_id))
        except (UndecodableError, BrokenStepError) as error:  # verify names it; the call goes on without that step
            _LOG.error("offset %s of this conversation can't be read: %s", record.offset, error)
            self._reader.give_up_step()
            return ()
