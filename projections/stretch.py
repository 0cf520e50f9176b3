"""Replay of a stretch of one partition: every decision of every effective step that lies in it, whoever's it is.

The conversations' state before it is folded from the log, as far back as each began. A step that begins before the stretch
or ends behind it is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from projections.recompute import ConversationReplay, Difference, Recomputer, version_of
from schemas.base import Kind
from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.effective_records import Effective, EffectiveRecords
from streams.epochs import Place
from streams.ports import Ledger, LogRecord
from streams.sealed_only import SealedOnly
from streams.transfer import stretch

HISTORY_UNREADABLE = "history_unreadable"
_CLOSES = "ConversationClosed"
_FOLDED_ALONE = ""  # no deciders have this version: a step of it is folded and not recomputed


class PlacedDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The first decision that differs. ``offset``: of its step's first record. ``difference.reason`` may also be
    ``history_unreadable``: what stands before the step can't all be read."""

    conversation_id: str
    offset: int
    difference: Difference


class StretchReplay(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets ``first`` to ``end`` (exclusive) of one partition. ``differing``: steps that these deciders decide
    otherwise. ``void``: records of replaced owners, passed over. ``unreadable``: records that are no events. ``cut``:
    steps that begin before the stretch or end behind it. ``not_recomputable``: decisions of other code or of forgotten
    conversations; ``identical`` is null where nothing was recomputed."""

    topic: str | None
    partition: int
    first: int
    end: int
    conversations: int
    steps: int
    events: int
    decisions: int
    not_recomputable: int
    differing: int
    void: int
    unreadable: int
    cut: int
    identical: bool | None
    first_difference: PlacedDifference | None


async def place_of_time(ledger: Ledger, partition: int, at_us: int) -> Place:
    """Of the first effective step whose ``accepted_at`` isn't before ``at_us``; the partition's end where there is none.

    Found by reading from the beginning: copies from other logs bring their own times, so a partition isn't sorted by it.
    """
    end = await ledger.end(partition)
    records = EffectiveRecords(Codec(SealedOnly()))
    async for record in stretch(ledger, partition, 0, end):
        for event, _ in records.take(record):
            if event.accepted_at_us >= at_us:
                return Place(records.reader.began, records.epoch)
    return Place(end, records.epoch)


async def replay_stretch(
    ledger: Ledger,
    codec: Codec,
    recomputer: Recomputer,
    partition: int,
    start: Place,
    end: int,
    *,
    topic: str | None = None,
) -> StretchReplay:
    """Raises ``KeysUnavailableError``, ``KeyMissingError``."""
    replay = _Replay(ledger, codec, recomputer, start)
    async for record in stretch(ledger, partition, start.offset, end):
        await replay.take(record)
    return replay.told(topic, partition, start.offset, end)


class _Thread:
    """One conversation while it is replayed. ``replay``: None where it can't be recomputed. ``is_whole``: whether every
    event from its first on was read."""

    def __init__(self, replay: ConversationReplay | None) -> None:
        self.replay = replay
        self.is_whole = True
        self.version_of_epoch: dict[int, str] = {}
        self._seq = 0

    def note(self, event: Event) -> None:
        self.is_whole = self.is_whole and event.seq == self._seq + 1
        self._seq = event.seq
        if event.kind is Kind.DECISION and event.decider_version is not None:
            self.version_of_epoch.setdefault(event.epoch, event.decider_version)


class _Replay:
    def __init__(self, ledger: Ledger, codec: Codec, recomputer: Recomputer, start: Place) -> None:
        self._ledger, self._codec, self._recomputer = ledger, codec, recomputer
        self._records = EffectiveRecords(codec, start.epoch)
        self._is_in_step = False  # whether a step of the log itself was begun in the stretch
        self._threads: dict[str, _Thread] = {}
        self._copied: dict[str, list[Effective]] = {}  # imported steps that aren't whole yet
        self._met: set[str] = set()
        self._cut_copies: set[str] = set()
        self._cut = self._steps = self._events = self._decisions = self._not_recomputable = self._differing = 0
        self._recomputed = False
        self._first: PlacedDifference | None = None

    async def take(self, record: LogRecord) -> None:
        if record.conversation_id:
            await self._codec.prepare((record.conversation_id,))
        if not self._is_in_step and self._began_before(record):
            self._cut = 1
            return
        delivered = self._records.take(record)
        if not delivered:
            return
        if record.imported_under is None:
            await self._check(delivered, self._records.reader.began)
        else:
            await self._take_copied(delivered[0])

    def told(self, topic: str | None, partition: int, first: int, end: int) -> StretchReplay:
        halves = len(self._copied) + self._records.reader.holds_half_a_step
        identical = self._first is None if self._recomputed else None
        return StretchReplay(
            topic=topic,
            partition=partition,
            first=first,
            end=end,
            conversations=len(self._met),
            steps=self._steps,
            events=self._events,
            decisions=self._decisions,
            not_recomputable=self._not_recomputable,
            differing=self._differing,
            void=self._records.reader.void,
            unreadable=self._records.unreadable,
            cut=self._cut + len(self._cut_copies) + halves,
            identical=identical,
            first_difference=self._first,
        )

    def _began_before(self, record: LogRecord) -> bool:
        """Whether it belongs to a step that was under way where the stretch begins."""
        if record.imported_under is not None or not record.conversation_id:
            return False
        try:
            event = self._codec.decode(record.body, record.conversation_id)
        except UndecodableError:
            return False
        is_effective = event.epoch == self._records.epoch
        self._is_in_step = is_effective and event.step_index == 0
        return is_effective and event.step_index > 0

    async def _take_copied(self, copied: Effective) -> None:
        """Imported events come one by one; their own step fields say how many belong together."""
        conversation_id = copied.event.conversation_id
        if copied.event.step_index == 0:
            self._copied[conversation_id] = [copied]
        elif conversation_id in self._copied:
            self._copied[conversation_id].append(copied)
        else:
            self._cut_copies.add(conversation_id)
            return
        step = self._copied[conversation_id]
        if len(step) >= step[0].event.step_size:
            del self._copied[conversation_id]
            await self._check(step, step[0].record.offset)

    async def _check(self, step: Sequence[Effective], offset: int) -> None:
        events = [effective.event for effective in step]
        conversation_id, decisions = events[0].conversation_id, len(events) - 1
        self._met.add(conversation_id)
        self._steps += 1
        self._events += len(events)
        self._decisions += decisions
        thread = self._threads.get(conversation_id)
        if thread is None:
            thread = self._threads[conversation_id] = await self._folded(conversation_id, offset)
        for event in events:
            thread.note(event)
        if thread.replay and not thread.is_whole:
            thread.replay = None
            difference = Difference(events[0].seq, events[0].event_id, None, None, HISTORY_UNREADABLE)
            self._differs(conversation_id, offset, difference)
        version = version_of(events, thread.version_of_epoch, self._recomputer.version)
        check = thread.replay.check(events, version) if thread.replay else None
        if check is None or check.differences is None:
            self._not_recomputable += decisions
        else:
            self._recomputed = True
            if check.differences:
                self._differs(conversation_id, offset, check.differences[0])
            if any(difference.stops for difference in check.differences):
                thread.replay = None
        if any(event.type == _CLOSES for event in events):
            del self._threads[conversation_id]  # a late fact folds it again

    def _differs(self, conversation_id: str, offset: int, difference: Difference) -> None:
        self._recomputed = True
        self._differing += 1
        self._first = self._first or PlacedDifference(
            conversation_id=conversation_id, offset=offset, difference=difference
        )

    async def _folded(self, conversation_id: str, until: int) -> _Thread:
        """A conversation as it was at offset ``until``."""
        if self._recomputer.forgotten(conversation_id):
            return _Thread(None)
        replay = self._recomputer.begin(conversation_id)
        thread = _Thread(replay)
        async for event in self._before(conversation_id, until):
            thread.note(event)
            if replay.check((event,), _FOLDED_ALONE).differences:  # not even folded
                thread.is_whole = False
                break
        return thread

    async def _before(self, conversation_id: str, until: int) -> AsyncIterator[Event]:
        records = EffectiveRecords(self._codec)
        for record in await self._ledger.read_conversation(conversation_id, 0, until):
            for event, _ in records.take(record):
                yield event
