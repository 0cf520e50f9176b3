"""How an owner takes a partition: read what is in force, announce a higher epoch, and read on until it is effective."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import NO_INBOX, Event, derived_id
from schemas.history import TYPES as OF_ANOTHER_SYSTEM
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import AppendUnknownError, Entry, Held, Ledger, LogRecord, Passive, StateStore

_LOG = logging.getLogger(__name__)

_CLOSES = "ConversationClosed"
_OUTLIVES = "WriteRequested"  # what is changed outside is changed to the end, or undone, though nobody is on the line


class Reign(NamedTuple):
    """What a new owner knows. ``end``: the offset after the last record it has read.

    ``open_conversations``: those that may have work under way, with the offset of their first record where it is known.
    """

    epoch: int
    end: int
    inbox_mark: int
    accepted_at_us: int
    open_conversations: Mapping[str, int | None]
    passive: Mapping[str, Passive]


class _Scan:
    """Reads a partition forward from a held offset."""

    def __init__(self, ledger: Ledger, codec: Codec, partition: int, held: Held | None) -> None:
        self._ledger, self._codec, self._partition = ledger, codec, partition
        self.effective = EffectiveReader(held.epoch if held else 0)
        self.offset = held.offset if held else 0
        self.inbox_mark = held.inbox_mark if held else NO_INBOX
        self.accepted_at_us = held.accepted_at_us if held else 0
        self.open: dict[str, int | None] = dict(held.open_conversations if held else {})
        self.passive = dict(held.passive if held else {})
        self._ends_with_its_call: set[str] = set()  # all of it was read here, and nothing that outlives a call

    async def to_end(self) -> None:
        while records := await self._ledger.read(self._partition, self.offset):
            await self._codec.prepare({record.conversation_id for record in records} - {""})
            for record in records:
                self._take(record)

    def _take(self, record: LogRecord) -> None:
        self.offset = record.offset + 1
        try:
            event = self._codec.decode(record.body, record.conversation_id)
        except UndecodableError:
            return  # verify names it; if it was part of a step, the next record tells
        try:
            step = self.effective.feed(record, event)
        except BrokenStepError:  # one damaged step must not keep every owner from the partition
            self.effective.give_up_step()
            step = self.effective.feed(record, event)
        for delivered in step:
            self.accepted_at_us = max(self.accepted_at_us, delivered.accepted_at_us)
            if record.imported_under is None:
                self.inbox_mark = max(self.inbox_mark, delivered.inbox_mark)
        if step:
            self._know(step)

    def _know(self, step: tuple[Event, ...]) -> None:
        """Who got a step has work under way, for all that is known here, unless the step closed it and nothing outlives that, or
        it tells what another system did."""
        conversation_id = step[0].conversation_id
        types = {event.type for event in step}
        if types <= OF_ANOTHER_SYSTEM:
            return
        passive = self.passive.pop(conversation_id, None)
        if step[0].seq == 1:
            self._ends_with_its_call.add(conversation_id)
        if _OUTLIVES in types:
            self._ends_with_its_call.discard(conversation_id)
        if _CLOSES in types and conversation_id in self._ends_with_its_call:
            self._ends_with_its_call.remove(conversation_id)
            self.open.pop(conversation_id, None)
        elif conversation_id not in self.open:
            began = self.effective.began if step[0].seq == 1 else None
            self.open[conversation_id] = passive.first if passive else began


async def take_over(
    ledger: Ledger, states: StateStore, codec: Codec, partition: int, owner_id: str, now_us: int
) -> Reign:
    """Raises ``AppendUnknownError``, ``KeysUnavailableError``. Two that take over at once: the first on the log wins, the other reads
    again. Epochs go on from the notes, so that no owner of what was lost can come back."""
    held = await states.load(partition)
    scan = _Scan(ledger, codec, partition, held)
    await scan.to_end()
    while True:
        took = _took(scan.effective.epoch + 1, owner_id, max(now_us, scan.accepted_at_us))
        body, _ = codec.encode(took)
        receipt = await ledger.append(partition, [Entry("", body)])
        if receipt.first < scan.offset:
            _LOG.error(
                "partition %s: the log ended at %s, though its owner had read up to %s: what was acknowledged there is lost, "
                "and who goes on reads what is left from its beginning",
                *(partition, receipt.first, scan.offset),
            )
            scan = _Scan(ledger, codec, partition, None)
        await scan.to_end()
        if scan.offset <= receipt.last:
            raise AppendUnknownError(
                f"partition {partition}: an announcement was acknowledged at {receipt.last}, and the log can be read only "
                f"up to {scan.offset}"
            )
        if scan.effective.reign == took.event_id:
            return Reign(
                scan.effective.epoch, scan.offset, scan.inbox_mark, scan.accepted_at_us, scan.open, scan.passive
            )


def _took(epoch: int, owner_id: str, now_us: int) -> Event:
    return Event(
        event_id=derived_id("owner-took", owner_id, epoch, now_us),
        type=OwnerTook.__name__,
        schema_version=OwnerTook.VERSION,
        conversation_id="",
        epoch=epoch,
        kind=Kind.CONTROL,
        occurred_at_us=now_us,
        accepted_at_us=now_us,
        payload=OwnerTook(epoch=epoch, owner_id=owner_id),
    )
