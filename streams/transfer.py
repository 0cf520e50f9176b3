"""Copies a log: what counts of one, read out (``read_log``), and taken into another (``Importer``).

A copy holds effective events alone, each with its bytes as they were, whole steps, each conversation from its first event
on. In the new log each stands under the epoch of the owner that imported it (``Entry.imported_under``): its own epoch,
step and inbox mark speak of the log that it came from, and ``streams.effective`` ignores them there.

What a conversation holds is known by seq and hash, since each hash covers the one before it. So an import adds what is
missing and nothing else: again, it adds nothing; broken off, it is finished by importing again. A conversation that went
on otherwise in the new log is left as it is there, and named.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from schemas.base import Kind
from schemas.event import GENESIS, Event
from schemas.history import TYPES as OF_ANOTHER_SYSTEM
from streams.behaviour_versions import ListedBehaviours, Version, record_all
from streams.codec import Body, Codec, UndecodableError, digest_of
from streams.effective_records import EffectiveRecords
from streams.partitioner import partition_of
from streams.ports import AppendUnknownError, Entry, Ledger, LogRecord, StateStore
from streams.sealed_only import SealedOnly
from streams.takeover import take_over
from streams.transfer_file import Item, Progress, StoredEvent

BATCH = 500  # events in one append, rounded up to whole steps
BATCH_BYTES = 450_000  # as well, unless one step has more: brokers take twice as much whole or not at all
APPEND_TIMEOUT_S = 30.0
_CLOSES = "ConversationClosed"


class ImportInterruptedError(Exception):
    """The target took no more. What was imported stands; importing again adds the rest."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """``open``: conversations that weren't closed yet. ``void``: records of replaced owners, and ``unreadable``: records
    that are no events of ours, both left out. ``broken``: conversations of which something is damaged or gone: they are
    copied up to there. ``keys``: how many went into the file of keys, null where none was asked for."""

    behaviours: int
    conversations: int
    events: int
    open: int
    void: int
    unreadable: int
    broken: tuple[str, ...]
    keys: int | None = None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """``events`` of ``conversations`` were read, of which ``added`` were new here. ``behaviours``: new versions.
    ``open``: conversations that weren't closed: this log's next owner goes on with them. ``differing``: conversations
    that went on otherwise in this log, left as they are here. ``broken``: conversations with a hole or a changed event in
    what was read: they are copied up to there. ``keys``: how many the file of keys held, null where none was given;
    ``without_key``: conversations whose private fields can't be read here."""

    behaviours: int
    conversations: int
    events: int
    added: int
    open: int
    differing: tuple[str, ...]
    broken: tuple[str, ...]
    keys: int | None = None
    without_key: int = 0

    @property
    def is_whole(self) -> bool:
        return not self.differing and not self.broken


class _Link(NamedTuple):
    """The newest event of a conversation."""

    seq: int
    hash: bytes


_NONE_YET = _Link(0, GENESIS)


class Chains:
    """The conversations that pass through a copy: their newest events, which are open, which are broken."""

    def __init__(self) -> None:
        self.links: dict[str, _Link] = {}
        self.open: set[str] = set()
        self.broken: set[str] = set()
        self.events = 0

    def extend(self, event: Event, body: Body) -> bool:
        """Whether it follows on what stands before it. Behind one that doesn't, nothing of its conversation does."""
        conversation_id = event.conversation_id
        if conversation_id in self.broken:
            return False
        before = self.links.get(conversation_id, _NONE_YET)
        computed, stated = digest_of(body.data)
        if (event.seq, event.prev_hash, computed) != (before.seq + 1, before.hash, stated):
            self.broken.add(conversation_id)
            return False
        if event.seq == 1 and event.type not in OF_ANOTHER_SYSTEM:
            self.open.add(conversation_id)
        if event.type == _CLOSES:
            self.open.discard(conversation_id)
        self.links[conversation_id] = _Link(event.seq, event.hash)
        self.events += 1
        return True


class LogExport:
    """Reads a log out, as it is when it begins: first all behaviour versions, then partition after partition.

    What it holds in memory is one link for each conversation. It needs no key.
    """

    def __init__(
        self, ledger: Ledger, behaviours: ListedBehaviours, progress: Progress = lambda done, of: None
    ) -> None:
        self._ledger, self._behaviours, self._progress = ledger, behaviours, progress
        self._codec = Codec(SealedOnly())
        self.chains = Chains()
        self._versions = self._void = self._unreadable = 0

    async def items(self) -> AsyncIterator[Item]:
        ends = [await self._ledger.end(partition) for partition in range(self._ledger.partitions)]
        for version in self._behaviours.versions():  # behind the ends: what they pin was recorded before
            self._versions += 1
            yield version._replace(recorded_at_us=None)  # the copy says when it was recorded there
        done = 0
        for partition, end in enumerate(ends):
            records = EffectiveRecords(self._codec)
            async for record in stretch(self._ledger, partition, 0, end):
                for event, at in records.take(record):
                    if self.chains.extend(event, at.body):
                        yield StoredEvent(event.conversation_id, at.body)
                done += 1
                self._progress(done, sum(ends))
            self._void += records.reader.void
            self._unreadable += records.unreadable

    def told(self) -> Exported:
        """What was read out so far."""
        return Exported(
            behaviours=self._versions,
            conversations=len(self.chains.links),
            events=self.chains.events,
            open=len(self.chains.open),
            void=self._void,
            unreadable=self._unreadable,
            broken=tuple(sorted(self.chains.broken)),
        )


class Importer:
    """Takes items into a log that nobody else owns meanwhile. Partitions to which nothing is added are left alone.

    ``importer_id`` names the owner that it announces; ``now_us``: the wall clock, µs since the Unix epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        states: StateStore,
        behaviours: ListedBehaviours,
        *,
        importer_id: str,
        now_us: Callable[[], int],
    ) -> None:
        self._ledger, self._behaviours = ledger, behaviours
        self._codec = Codec(SealedOnly())
        self._targets = [
            _Target(ledger, states, self._codec, partition, importer_id, now_us)
            for partition in range(ledger.partitions)
        ]
        self._given: list[Version] = []
        self._new_versions = self._added = 0
        self._differing: set[str] = set()
        self._behind: dict[str, _Link] = {}  # what the source ends with, of conversations that reach further here
        self.chains = Chains()

    async def take_all(self, items: AsyncIterator[Item]) -> Imported:
        """Raises ``BehaviourNumbersDifferError`` (nothing is imported then) and ``ImportInterruptedError``."""
        versions_are_in = False
        try:
            async for item in items:
                if isinstance(item, Version):
                    self._given.append(item)
                    continue
                if not versions_are_in:
                    self._record_versions()
                    versions_are_in = True
                await self._take(item)
            if not versions_are_in:
                self._record_versions()
            for target in self._targets:
                await target.flush()
        except AppendUnknownError as error:
            raise ImportInterruptedError(f"{error}. What was imported stands: import again for the rest") from None
        await self._ledger.sync()
        await self._compare_behind()
        return Imported(
            behaviours=self._new_versions,
            conversations=len(self.chains.links),
            events=self.chains.events,
            added=self._added,
            open=len(self.chains.open),
            differing=tuple(sorted(self._differing)),
            broken=tuple(sorted(self.chains.broken)),
        )

    def _record_versions(self) -> None:
        self._new_versions = record_all(self._given, self._behaviours)
        self._given.clear()

    async def _take(self, item: StoredEvent) -> None:
        try:
            event = self._codec.decode(item.body, item.conversation_id)
        except UndecodableError:
            self.chains.broken.add(item.conversation_id)
            return
        conversation_id = item.conversation_id
        if not self.chains.extend(event, item.body) or conversation_id in self._differing:
            return
        target = self._targets[partition_of(conversation_id, self._ledger.partitions)]
        here = await target.link(conversation_id)
        if event.seq > here.seq:
            await target.add(event, item.body)
            self._added += 1
        elif event.seq < here.seq:
            self._behind[conversation_id] = _Link(event.seq, event.hash)
        else:
            self._behind.pop(conversation_id, None)
            if event.hash != here.hash:
                self._differing.add(conversation_id)

    async def _compare_behind(self) -> None:
        """Of conversations that reach further here: is what was read the beginning of them?"""
        for conversation_id, link in self._behind.items():
            records = EffectiveRecords(self._codec)
            found: _Link | None = None
            for record in await self._ledger.read_conversation(conversation_id):
                for event, _ in records.take(record):
                    if event.seq == link.seq and event.conversation_id == conversation_id:
                        found = _Link(event.seq, event.hash)
            if found != link:
                self._differing.add(conversation_id)


class _Target:
    """One partition that is imported into: what it holds is read once, and it is taken when something is to be added."""

    def __init__(
        self,
        ledger: Ledger,
        states: StateStore,
        codec: Codec,
        partition: int,
        importer_id: str,
        now_us: Callable[[], int],
    ) -> None:
        self._ledger, self._states, self._codec, self._partition = ledger, states, codec, partition
        self._importer_id, self._now_us = importer_id, now_us
        self._records = EffectiveRecords(codec)
        self._links: dict[str, _Link] = {}
        self._end = 0  # the offset after the last record that is known
        self._is_read = False
        self._epoch: int | None = None  # of its reign; None before there is one
        self._waiting: list[list[Entry]] = []  # steps
        self._events = 0  # in them

    async def link(self, conversation_id: str) -> _Link:
        """The newest event of a conversation here, what waits to be appended included."""
        if not self._is_read:
            await self._read_to(await self._ledger.end(self._partition))
            self._is_read = True
        return self._links.get(conversation_id, _NONE_YET)

    async def add(self, event: Event, body: Body) -> None:
        """Appends it, with others, no later than at ``flush``. Raises ``AppendUnknownError``."""
        if self._epoch is None:
            await self._reign()
            here = self._links.get(event.conversation_id, _NONE_YET)
            if event.seq != here.seq + 1:  # another owner wrote between the reading and the reign
                raise AppendUnknownError(f"another owner writes into partition {self._partition}")
        if self._events >= BATCH and event.kind is Kind.FACT:
            await self.flush()
        assert self._epoch is not None
        if event.kind is Kind.FACT or not self._waiting:
            self._waiting.append([])
        self._waiting[-1].append(Entry(event.conversation_id, body, self._epoch))
        self._events += 1
        self._links[event.conversation_id] = _Link(event.seq, event.hash)

    async def flush(self) -> None:
        """Returns when all is known effective. Raises ``AppendUnknownError``."""
        steps, self._waiting, self._events = self._waiting, [], 0
        for entries in _appends(steps):
            await self._append(entries)

    async def _append(self, entries: list[Entry]) -> None:
        try:
            async with asyncio.timeout(APPEND_TIMEOUT_S):
                receipt = await self._ledger.append(self._partition, entries)
        except TimeoutError:
            raise AppendUnknownError("an append was not acknowledged in time") from None
        if receipt.first != self._end or receipt.last - receipt.first >= len(entries):
            await self._read_to(receipt.last + 1)
            self._refuse_if_superseded()
        self._end = receipt.last + 1

    async def _reign(self) -> None:
        reign = await take_over(
            self._ledger, self._states, self._codec, self._partition, self._importer_id, self._now_us()
        )
        self._epoch = reign.epoch
        await self._read_to(reign.end)
        self._refuse_if_superseded()

    def _refuse_if_superseded(self) -> None:
        if self._records.epoch != self._epoch:
            raise AppendUnknownError(f"another owner took partition {self._partition} (epoch {self._records.epoch})")

    async def _read_to(self, end: int) -> None:
        async for record in stretch(self._ledger, self._partition, self._end, end):
            for event, _ in self._records.take(record):
                self._links[event.conversation_id] = _Link(event.seq, event.hash)
        self._end = end


def _appends(steps: list[list[Entry]]) -> Iterator[list[Entry]]:
    """Whole steps for each, of up to ``BATCH_BYTES``. In a copy every record counts by itself, so what is killed between two
    appends must not leave half a step."""
    entries: list[Entry] = []
    size_bytes = 0
    for step in steps:
        step_bytes = sum(len(entry.body.data) for entry in step)
        if entries and size_bytes + step_bytes > BATCH_BYTES:
            yield entries
            entries, size_bytes = [], 0
        entries += step
        size_bytes += step_bytes
    if entries:
        yield entries


class ReadableLog(Protocol):
    """The part of ``streams.ports.Ledger`` that reads a partition."""

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]: ...


async def stretch(ledger: ReadableLog, partition: int, start: int, end: int) -> AsyncIterator[LogRecord]:
    """Records of [``start``, ``end``), void ones too."""
    while start < end and (records := await ledger.read(partition, start)):
        for record in records:
            if record.offset < end:
                yield record
        start = records[-1].offset + 1
