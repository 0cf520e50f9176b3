"""Live facts for a lane: production's effective *facts*, put into the lane's own inbox in their order.

They keep their event ids and their bytes; of production a lane reads, and nothing here can write there. The lane decides
by itself what follows from them. Decisions' ids derive from facts' ids, so what both decide alike is alike, and the first
difference of each conversation is found (``projections.lane_diff``).

- It begins with the conversations that begin while it follows; those that were under way are passed over.
- Without effects of its own, an ask of the lane is answered by production's outcome of the ask with the same id, if it
  decided to ask the same. An ask that only the lane made stays open until its turn's budget ends. Production's timers are
  taken as they fired, and the lane's own fire only where those don't come (``LateTimers``).
- What an owner does for itself (``OwnerChanged``, ``FactDropped``) isn't copied: the lane's owner does that itself.
- While a feed is behind production, after nobody fed or on a busy machine, no timer of the lane fires (``HeldTimers``).
- Where a feed stands is what the lane's inbox ends with: a feed that was killed goes on behind its last fact. Two feeds of
  one partition do no harm: the owner drops by id, and each puts in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event
from streams.behaviour_versions import ListedBehaviours, record_all
from streams.behaviours import BehaviourMissingError
from streams.clock import wall_clock_us
from streams.codec import Body, Codec
from streams.effective_records import EffectiveRecords
from streams.epochs import BEGINNING, Place, place_of
from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import conversation_of, event_id_of, unframe
from streams.kafka.topics import Topics
from streams.lanes import LATE_US
from streams.ports import Inbox, InboxUnavailableError, LogRecord, StateStore
from streams.sealed_only import SealedOnly
from streams.transfer import ReadableLog

_LOG = logging.getLogger(__name__)

RETRY_S = 0.1
LOOK_S = 0.2  # how often it is looked which partitions this worker owns: a host tells nobody
_BATCH = 10_000
_LAG_US = LATE_US // 2  # a fact that comes so late may have others behind it that are later than the lane's timers
_OWNERS_OWN = (f.OwnerChanged, f.FactDropped)


class ProductionLog(ReadableLog, Protocol):
    """What a lane needs of ``streams.ports.Ledger``: its reading half."""

    async def end(self, partition: int) -> int: ...

    def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]: ...

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]: ...


class Fed(NamedTuple):
    """What a partition of the lane's inbox holds: its conversations, and (conversation, event id) of its last fact."""

    conversations: frozenset[str]
    last: tuple[str, str] | None


async def read_fed(connection: Connection, topics: Topics, partition: int) -> Fed:
    """Waits while no broker answers."""
    reader = PartitionReader(connection, topics.inbox, partition)
    start, end = await reader.begin(), await reader.end()
    conversations: set[str] = set()
    last: tuple[str, str] | None = None
    while start < end and (records := await reader.read(start, _BATCH, until=end)):
        for record in records:
            body = unframe(record.value)
            if body.type:
                conversation_id = conversation_of(record.key)
                conversations.add(conversation_id)
                last = (conversation_id, event_id_of(body.data).decode(errors="replace"))
        start = records[-1].offset + 1
    return Fed(frozenset(conversations), last)


class Behaviours:
    """Brings the versions that production's conversations pin into the lane's own stream, under their numbers."""

    def __init__(self, production: ListedBehaviours, lane: ListedBehaviours) -> None:
        self._production, self._lane = production, lane

    async def bring(self, seq: int, content_hash: str) -> None:
        """Raises ``BehaviourNumbersDifferError`` where gateways recorded other versions on the lane itself."""
        await asyncio.get_running_loop().run_in_executor(None, self._bring, seq, content_hash)

    def _bring(self, seq: int, content_hash: str) -> None:
        try:
            self._lane.get(seq, content_hash)
        except BehaviourMissingError:
            record_all(self._production.versions(), self._lane)


class FactFeed:
    """Follows one partition of production. ``with_outcomes``: also what effects and timers brought there, for a lane
    that asks nobody itself."""

    def __init__(
        self,
        partition: int,
        production: ProductionLog,
        states: StateStore,
        inbox: Inbox,
        behaviours: Behaviours,
        *,
        with_outcomes: bool,
    ) -> None:
        self._partition, self._production, self._states = partition, production, states
        self._inbox, self._behaviours, self._with_outcomes = inbox, behaviours, with_outcomes
        self._codec = Codec(SealedOnly())  # what is private passes through as it is
        # Conversations of which the lane has every fact. A lane doesn't live so long that it must forget any.
        self._whole: set[str] = set()

    async def run(
        self, fed: Fed, ready: Callable[[], None] = lambda: None, behind: Callable[[bool], None] = lambda behind: None
    ) -> None:
        """Without end. ``fed``: where it goes on; ``ready``: called once what begins from here on is passed on; ``behind``:
        told whether there is more on production's log than was passed on."""
        self._whole.update(fed.conversations)
        place = await self._found(*fed.last) if fed.last else None
        if place is None:
            place = await self._now()
        ready()
        is_behind = place.offset < await self._production.end(self._partition)
        behind(is_behind)
        records = EffectiveRecords(self._codec, place.epoch)
        async for batch in self._production.follow(self._partition, place.offset):
            taken = [each for record in batch for each in records.take(record)]
            if not is_behind and taken and wall_clock_us() - taken[0][0].accepted_at_us > _LAG_US:
                is_behind = True
                behind(True)
            for event, at in taken:
                if event.kind is Kind.FACT:
                    await self._pass_on(event, at.body)
            if is_behind and batch and batch[-1].offset + 1 >= await self._production.end(self._partition):
                is_behind = False
                behind(False)

    async def _pass_on(self, event: Event, body: Body) -> None:
        if event.seq == 1:
            self._whole.add(event.conversation_id)
        if event.conversation_id not in self._whole or not self._is_wanted(event):
            return
        if isinstance(event.payload, f.CallArrived):
            await self._behaviours.bring(event.payload.behaviour_seq, event.payload.behaviour_hash)
        while True:
            try:
                await self._inbox.put(event.conversation_id, event.event_id, body)
                return
            except InboxUnavailableError as error:
                _LOG.warning("the lane's inbox took nothing: %s", error)
                await asyncio.sleep(RETRY_S)

    def _is_wanted(self, event: Event) -> bool:
        if isinstance(event.payload, _OWNERS_OWN):
            return False
        return self._with_outcomes or (event.run_id is None and not isinstance(event.payload, f.TimerFired))

    async def _found(self, conversation_id: str, event_id: str) -> Place | None:
        """Where production's step of this fact begins. It is passed on once more, and dropped there by its id."""
        records = EffectiveRecords(self._codec)
        for record in await self._production.read_conversation(conversation_id):
            if any(event.event_id == event_id for event, _ in records.take(record)):
                return Place(records.reader.began, records.epoch)
        return None

    async def _now(self) -> Place:
        end = await self._production.end(self._partition)
        held = await self._states.load(self._partition)
        since = Place(held.offset, held.epoch) if held and held.offset <= end else BEGINNING
        return await place_of(self._production, self._partition, end, since=since)


StartFeed = Callable[[int, Callable[[], None], Callable[[bool], None]], asyncio.Task[None]]


class Feeds:
    """A feed for each partition that a worker of the lane owns. ``feed`` starts one, and calls back once it follows, and
    whenever it falls behind or has caught up: then the partition is in ``caught_up``, a moment later, so that the owner can
    take the last of it."""

    def __init__(self, feed: StartFeed, caught_up: set[int]) -> None:
        self._feed = feed
        self._running: dict[int, asyncio.Task[None]] = {}
        self._following: set[int] = set()
        self._caught_up = caught_up
        self._settling: dict[int, asyncio.TimerHandle] = {}

    async def run(self, owned: Callable[[], frozenset[int]], ready: Callable[[], None] = lambda: None) -> None:
        """Without end. ``ready``: called when all that is owned is followed. Raises what ends a feed."""
        try:
            while True:
                for partition in self._running.keys() - owned():
                    await self._stop(partition)
                for partition in owned() - self._running.keys():
                    follows, settles = partial(self._following.add, partition), partial(self._settle, partition)
                    self._running[partition] = self._feed(partition, follows, settles)
                for task in self._running.values():
                    if task.done():
                        task.result()
                if self._following >= owned():
                    ready()
                await asyncio.sleep(LOOK_S)
        finally:
            for partition in list(self._running):
                await self._stop(partition)

    def _settle(self, partition: int, behind: bool) -> None:
        self._caught_up.discard(partition)
        if settling := self._settling.pop(partition, None):
            settling.cancel()
        if not behind:
            add = partial(self._caught_up.add, partition)
            self._settling[partition] = asyncio.get_running_loop().call_later(LATE_US / 1e6, add)

    async def _stop(self, partition: int) -> None:
        task = self._running.pop(partition)
        self._following.discard(partition)
        self._settle(partition, behind=True)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
