"""Conversations from the log into their owner's memory: each from its snapshot where that holds, else from its first record.

A snapshot is a hint. It counts only if the log's record at its offset is the one that it names, and everything behind
that is folded from the log; what doesn't fit is folded from the first record as if there were no snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from schemas.base import Kind
from schemas.event import GENESIS, Event
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.mind import C, Mind
from streams.ports import Ledger, LogRecord, Snapshot, Snapshots
from streams.seen import SeenFacts


class DamagedConversationError(Exception):
    """What the log holds of a conversation can't be folded: nothing may be appended to it."""


class Opened(Generic[C]):
    """A conversation in the owner's memory. Offsets are None until a step of it is known effective.

    ``seq`` and ``prev_hash`` of its newest event; ``pending``: steps that aren't known effective yet; ``snapshot_seq`` and
    ``snapshot_offset``: what the newest snapshot covers; ``touched_s``: when it was wanted last, on the loop's clock.
    """

    __slots__ = (
        "conversation",
        "first",
        "last",
        "pending",
        "prev_hash",
        "seen",
        "seq",
        "snapshot_offset",
        "snapshot_seq",
        "touched_s",
    )

    def __init__(self, conversation: C) -> None:
        self.conversation = conversation
        self.seq = 0
        self.prev_hash = GENESIS
        self.seen = SeenFacts()
        self.first: int | None = None
        self.last: int | None = None
        self.pending = 0
        self.snapshot_seq = 0
        self.snapshot_offset: int | None = None
        self.touched_s = 0.0


class _Fold(Generic[C]):
    """Folds one conversation's records, in order of offset, from where its epoch is known."""

    def __init__(self, mind: Mind[C], codec: Codec, opened: Opened[C], epoch: int) -> None:
        self._mind, self._codec, self.opened = mind, codec, opened
        self._reader = EffectiveReader(epoch)

    def take(self, record: LogRecord) -> None:
        """Raises ``DamagedConversationError``. Bytes of no conversation that are no announcement are nobody's damage: any
        process may have written them, and ``verify`` names them."""
        try:
            step = self._reader.feed(record, self._codec.decode(record.body, record.conversation_id))
        except (UndecodableError, BrokenStepError) as error:
            if not record.conversation_id and isinstance(error, UndecodableError):
                return
            raise DamagedConversationError(f"offset {record.offset} can't be read: {error}") from None
        for event in step:
            self._fold(event, record.offset)

    def _fold(self, event: Event, offset: int) -> None:
        opened = self.opened
        if event.seq != opened.seq + 1:
            raise DamagedConversationError(f"offset {offset}: seq {event.seq} does not follow {opened.seq}")
        opened.conversation = self._mind.fold(opened.conversation, event)
        opened.seq, opened.prev_hash = event.seq, event.hash
        if opened.first is None:
            opened.first = self._reader.began
        opened.last = offset
        if event.kind is Kind.FACT:
            opened.seen.add(event.event_id)


class _Start(Generic[C]):
    """Where the fold of a conversation begins: at a snapshot's last record, or at its own first."""

    def __init__(self, offset: int, opened: Opened[C], snapshot: Snapshot | None) -> None:
        self.offset, self.opened, self.snapshot = offset, opened, snapshot

    def begin(self, record: LogRecord, mind: Mind[C], codec: Codec) -> _Fold[C] | None:
        """None where ``record``, the one at ``offset``, isn't what it should be."""
        try:
            event = codec.decode(record.body, record.conversation_id)
        except UndecodableError:
            return None
        epoch = event.epoch if record.imported_under is None else record.imported_under
        fold = _Fold(mind, codec, self.opened, epoch)
        if self.snapshot is not None:
            told = (self.snapshot.conversation_id, self.snapshot.seq, self.snapshot.hash)
            return fold if (event.conversation_id, event.seq, event.hash) == told else None
        if event.seq != 1:
            return None
        fold.take(record)
        return fold


class Loader(Generic[C]):
    """Loads conversations of one partition. Whatever it loads has nothing pending."""

    def __init__(
        self, partition: int, ledger: Ledger, snapshots: Snapshots | None, codec: Codec, mind: Mind[C]
    ) -> None:
        self._partition, self._ledger, self._snapshots = partition, ledger, snapshots
        self._codec, self._mind = codec, mind

    async def refresh(self) -> None:
        """What former owners saved is used from here on."""
        if self._snapshots is not None:
            await self._snapshots.refresh(self._partition)

    async def load(self, conversation_id: str, until: int) -> Opened[C]:
        """Everything below offset ``until``. Raises ``DamagedConversationError``, ``KeysUnavailableError``."""
        await self._codec.prepare((conversation_id,))
        start = await self._from_snapshot(conversation_id, until)
        if start is not None:
            records = await self._ledger.read(self._partition, start.offset, 1)
            fold = start.begin(records[0], self._mind, self._codec) if records else None
            if fold is not None:
                try:
                    return await self._fold(fold, conversation_id, start.offset + 1, until)
                except DamagedConversationError:
                    pass  # of the snapshot or of the log? The log alone tells
        fold = _Fold(self._mind, self._codec, Opened(self._mind.initial(conversation_id)), epoch=0)
        return await self._fold(fold, conversation_id, 0, until)

    async def load_all(
        self, firsts: Mapping[str, int | None], until: int
    ) -> dict[str, Opened[C] | DamagedConversationError]:
        """Many at once, in one reading of the partition. ``firsts``: the offset of each one's first record, if known.

        Raises ``KeysUnavailableError``.
        """
        await self._codec.prepare(firsts.keys())
        starts: dict[str, _Start[C]] = {}
        for conversation_id, first in firsts.items():
            start = await self._from_snapshot(conversation_id, until)
            if start is None and first is not None:
                start = _Start(first, Opened(self._mind.initial(conversation_id)), None)
            if start is not None:
                starts[conversation_id] = start
        read = await self._read_through(starts, until)
        loaded: dict[str, Opened[C] | DamagedConversationError] = {}
        for conversation_id in firsts:
            try:
                loaded[conversation_id] = read.get(conversation_id) or await self.load(conversation_id, until)
            except DamagedConversationError as error:
                loaded[conversation_id] = error
        return loaded

    async def _read_through(self, starts: Mapping[str, _Start[C]], until: int) -> dict[str, Opened[C]]:
        """From the first start on. What can't be folded so is left out."""
        folds: dict[str, _Fold[C]] = {}
        offset = min((start.offset for start in starts.values()), default=until)
        while offset < until and (records := await self._ledger.read(self._partition, offset)):
            for record in records:
                if record.offset >= until:
                    break
                self._give(record, starts, folds)
            offset = records[-1].offset + 1
        return {conversation_id: fold.opened for conversation_id, fold in folds.items()}

    def _give(self, record: LogRecord, starts: Mapping[str, _Start[C]], folds: dict[str, _Fold[C]]) -> None:
        if record.conversation_id == "":
            given = list(folds)
        else:
            given = [record.conversation_id] if record.conversation_id in folds else []
            start = starts.get(record.conversation_id)
            if start is not None and start.offset == record.offset:
                given = []
                try:
                    fold = start.begin(record, self._mind, self._codec)
                except DamagedConversationError:
                    return
                if fold is not None:
                    folds[record.conversation_id] = fold
        for conversation_id in given:
            try:
                folds[conversation_id].take(record)
            except DamagedConversationError:
                del folds[conversation_id]

    async def _fold(self, fold: _Fold[C], conversation_id: str, start: int, until: int) -> Opened[C]:
        for record in await self._ledger.read_conversation(conversation_id, start, until):
            fold.take(record)
        return fold.opened

    async def _from_snapshot(self, conversation_id: str, until: int) -> _Start[C] | None:
        """Not checked against the log yet."""
        if self._snapshots is None:
            return None
        snapshot = await self._snapshots.load(self._partition, conversation_id)
        if snapshot is None or snapshot.offset >= until:
            return None
        conversation = self._mind.thaw(conversation_id, snapshot.state)
        if conversation is None:
            return None
        opened = Opened(conversation)
        opened.seq, opened.prev_hash, opened.seen = snapshot.seq, snapshot.hash, SeenFacts(snapshot.seen)
        opened.first, opened.last = snapshot.first, snapshot.offset
        opened.snapshot_seq, opened.snapshot_offset = snapshot.seq, snapshot.offset
        return _Start(snapshot.offset, opened, snapshot)
