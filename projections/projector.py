"""Folds the records of one partition into changes of rows, for several read models at once.

Nothing is kept but what can be had again: where a conversation isn't in memory (after a restart, or because it was long
idle), it is folded anew from the log, so a projection needs no state of its own and resumes exactly. Nothing private is
opened: rows hold ciphertext.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NoReturn

from agent_core.behaviour import Behaviour
from agent_core.conversation import Context, Status, initial
from agent_core.evolve import evolve
from projections.checkpoint import Checkpoint
from projections.read_models.attribution import Attribution
from projections.read_models.definition import ReadModel, Row, Seen
from projections.versions import Changes, Moment, Versions
from schemas.event import Happening
from schemas.registry import is_released
from streams.codec import UndecodableError, happening_of
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import LogRecord

KEPT_OPEN = 4096  # conversations in memory; one that was given up is folded anew with its next event
KEPT_CLOSED = 128  # losers' outcomes and playback reports come in behind the end

History = Callable[[str, int, int], Awaitable[Sequence[LogRecord]]]
"""(conversation, partition, until): its records before the offset ``until``, with every OwnerTook among them."""


BehaviourOf = Callable[[int, str], Behaviour]
"""(seq, content hash): what a conversation pinned. Raises ``LookupError`` where it isn't recorded."""


def none_recorded(*_: Any) -> NoReturn:
    raise LookupError("no behaviours are at hand")


def _no_key() -> NoReturn:
    raise LookupError("the fold needs no key")


class _Group:
    """Read models that are folded together."""

    def __init__(self, models: Sequence[ReadModel], behaviour_of: BehaviourOf) -> None:
        self.models, self.context = list(models), Context(behaviour_of, _no_key)
        self.keys: list[Callable[[Row], Any]] = [attrgetter(*model.key) for model in models]
        kinds = {kind for model in models for kind in model.handles}
        self.handlers: dict[type, tuple[int, ...]] = {
            kind: tuple(place for place, model in enumerate(models) if kind in model.handles) for kind in kinds
        }


class _Steps:
    """Whole effective steps, undecoded records in; ``streams.effective_records`` without the records."""

    def __init__(self, epoch: int = 0) -> None:
        self.reader = EffectiveReader(epoch)
        self.unreadable = 0
        self.unknown: set[tuple[str, int]] = set()

    def take(self, record: LogRecord) -> tuple[Happening, ...]:
        try:
            event = happening_of(record.body, record.conversation_id)
        except UndecodableError:
            self.unreadable += 1
            if not is_released(record.body.type, record.body.version):
                self.unknown.add((record.body.type, record.body.version))
            return ()
        try:
            return self.reader.feed(record, event)
        except BrokenStepError:
            self.reader.give_up_step()
            return self.reader.feed(record, event)


class _Thread:
    """One conversation while it is in memory."""

    def __init__(self, conversation_id: str, group: _Group) -> None:
        self.conversation = initial(conversation_id, group.context)
        self._group = group
        self._attribution = Attribution()
        self._takes = [model.fold().take for model in group.models if model.fold]
        self._versions = Versions(group.models)

    def step(self, events: Iterable[Happening], moment: Moment, changes: Changes, number: int) -> None:
        handlers, keys, rows = self._group.handlers, self._group.keys, dict[tuple[int, Any], Row | None]()
        for event in events:
            before = self.conversation
            self.conversation = after = evolve(before, event)
            turn_id = self._attribution.turn_of(event)
            places = handlers.get(type(event.payload))
            if places:
                seen = Seen(event, before, after, turn_id)
                for place in places:
                    for row in self._takes[place](seen):
                        rows[place, keys[place](row)] = row
        if rows:
            self._versions.change(rows, moment, changes, number)


class Projector:
    """``shard``: (which, of how many): of the conversations, only those that fall to it.

    ``unreadable``: records that couldn't be decoded, and gaps in a conversation's numbers where there are more of those; the
    rest of their steps is passed over, and ``ledgerline verify`` names them. ``events``: those that were folded. ``behaviour_of``: few events need it to be folded.
    """

    def __init__(
        self,
        models: Sequence[ReadModel],
        history: History,
        partition: int,
        start: Checkpoint,
        shard: tuple[int, int] = (0, 1),
        behaviour_of: BehaviourOf = none_recorded,
    ) -> None:
        self._group, self._history, self._partition = _Group(models, behaviour_of), history, partition
        self._which, self._of = shard
        self._steps = _Steps(start.epoch)
        self._next = start.offset
        self._open: dict[str, _Thread] = {}
        self._closed: dict[str, _Thread] = {}
        self._number = 0
        self._changes = Changes(len(models))
        self._gaps = 0  # in the numbers of conversations: records that are gone leave nothing else
        self.events = 0

    @property
    def unreadable(self) -> int:
        return max(self._steps.unreadable, self._gaps)

    @property
    def pending(self) -> int:
        """How many rows ``changes`` would hand over."""
        return self._changes.size

    @property
    def checkpoint(self) -> Checkpoint:
        """What ``changes`` holds reaches up to here: the beginning of a step that isn't whole yet isn't passed."""
        reader = self._steps.reader
        return Checkpoint(reader.began if reader.holds_half_a_step else self._next, reader.epoch)

    def changes(self) -> Changes:
        """All that came of the records taken since the last call."""
        changes, self._changes = self._changes, Changes(len(self._group.models))
        changes.unknown, self._steps.unknown = self._steps.unknown, set()
        self._number += 1
        return changes

    async def take(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            self._next = record.offset + 1
            if self._is_foreign(record.conversation_id):
                continue
            step = self._steps.take(record)
            if not step:
                continue
            self.events += len(step)
            thread = await self._thread(step[0], self._steps.reader.began)
            self._gaps += step[0].seq > thread.conversation.seq + 1
            moment = Moment(self._partition, record.offset, step[0].accepted_at_us)
            thread.step(step, moment, self._changes, self._number)
            self._keep(thread)

    def _is_foreign(self, conversation_id: str) -> bool:
        return self._of > 1 and conversation_id != "" and zlib.crc32(conversation_id.encode()) % self._of != self._which

    async def _thread(self, first: Happening, began: int) -> _Thread:
        conversation_id = first.conversation_id
        thread = self._open.pop(conversation_id, None) or self._closed.pop(conversation_id, None)
        if thread is None:
            thread = await self._folded(conversation_id, began) if first.seq > 1 else self._new(conversation_id)
        return thread

    def _keep(self, thread: _Thread) -> None:
        is_closed = thread.conversation.status is Status.CLOSED
        kept, most = (self._closed, KEPT_CLOSED) if is_closed else (self._open, KEPT_OPEN)
        kept[thread.conversation.id] = thread
        if len(kept) > most:
            del kept[next(iter(kept))]  # the one that was touched longest ago

    def _new(self, conversation_id: str) -> _Thread:
        return _Thread(conversation_id, self._group)

    async def _folded(self, conversation_id: str, until: int) -> _Thread:
        """As it was at offset ``until``. What comes of it stands in the rows already."""
        thread, written = self._new(conversation_id), Changes(len(self._group.models))
        steps = _Steps()
        for record in await self._history(conversation_id, self._partition, until):
            step = steps.take(record)
            if step:
                thread.step(step, Moment(self._partition, record.offset, step[0].accepted_at_us), written, -1)
        return thread
