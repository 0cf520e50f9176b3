"""The owner of a partition: the one writer of its conversations.

It takes facts one after another, from the inbox and from its own effects and timers, in the order in which they reach
it: *that order is the log's order*. For each it computes the whole step and appends it; appends are pipelined, so the
next fact needn't wait for the last one's acknowledgement. What it decided counts only once it is known effective.

An append that fails, times out or leaves a gap with another owner in it, or keys that can't be had, end the reign: the owner stops, drops what is
in memory and says so (``run`` returns); its host takes over anew and recovers from the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, NamedTuple

from msgspec.structs import replace

from schemas.control import OwnerTook
from schemas.event import NO_INBOX, Event, derived_id
from schemas.facts import FactDropped, OwnerChanged, TimerFired
from streams.acceptable import acceptable, misaddress_of
from streams.awaited import is_awaited
from streams.cancellation import heed_cancellation
from streams.clock import OwnerClock, wall_clock_us
from streams.codec import Body, Codec, UndecodableError
from streams.effective import EffectiveReader
from streams.fact_writer import fact_event
from streams.in_flight import Appended, InFlight
from streams.keys import KeysUnavailableError
from streams.loading import DamagedConversationError, Loader, Opened
from streams.mind import C, Effects, Mind, Outcome
from streams.ports import (
    AppendUnknownError,
    DeadLetter,
    DeadLetters,
    Entry,
    Held,
    Inbox,
    InboxRecord,
    Ledger,
    Receipt,
    RecordsGoneError,
    Snapshots,
    StateStore,
)
from streams.snapshots import SNAPSHOT_EVERY, SnapshotWriter
from streams.takeover import Reign, take_over
from streams.timers import Timers
from streams.working_set import PASSIVATE_AFTER_S, WAKE, WorkingSet

_LOG = logging.getLogger(__name__)

APPEND_TIMEOUT_S = 30.0
HELD_EVERY_S = 1.0
MAX_WAITING = 1_000  # facts read from the inbox and not taken yet
_ENDS_A_REIGN = (AppendUnknownError, KeysUnavailableError, RecordsGoneError)


class Stores(NamedTuple):
    """The adapters that an owner works on. Without snapshots conversations are folded from their first record."""

    inbox: Inbox
    ledger: Ledger
    states: StateStore
    dead_letters: DeadLetters
    snapshots: Snapshots | None = None


class _Wake(NamedTuple):
    """The earliest deadline of a passive conversation has come."""

    conversation_id: str


class Owner(Generic[C]):
    def __init__(
        self,
        partition: int,
        stores: Stores,
        codec: Codec,
        mind: Mind[C],
        effects: Effects[C],
        *,
        owner_id: str,
        wall_us: Callable[[], int] = wall_clock_us,
        append_timeout_s: float = APPEND_TIMEOUT_S,
        passivate_after_s: float = PASSIVATE_AFTER_S,
        snapshot_every: int = SNAPSHOT_EVERY,
    ) -> None:
        self.partition = partition
        self._stores, self._codec, self._mind, self._effects = stores, codec, mind, effects
        self._owner_id, self._append_timeout_s, self._passivate_after_s = owner_id, append_timeout_s, passivate_after_s
        self._wall_us = wall_us
        self._clock = OwnerClock(wall_us())
        self._queue: asyncio.Queue[InboxRecord | Outcome | _Wake] = asyncio.Queue()
        self._room = asyncio.Semaphore(MAX_WAITING)
        self._timers = Timers(self._clock, self._fire)
        self._snapshots = SnapshotWriter(partition, stores.snapshots, mind, snapshot_every)
        loader = Loader(partition, stores.ledger, stores.snapshots, codec, mind)
        self._known = WorkingSet(mind, self._timers, loader, self._snapshots, passivate_after_s)
        self._appended = InFlight()
        self._wants_sync = asyncio.Event()
        self._epoch, self._inbox_mark = 0, NO_INBOX
        self.superseded_by: int | None = None  # the epoch of the owner that took the partition from this one

    @property
    def epoch(self) -> int:
        """Of its newest reign; 0 before there is one."""
        return self._epoch

    @property
    def inbox_mark(self) -> int:
        """The inbox offset that was taken last."""
        return self._inbox_mark

    async def run(self, ready: Callable[[], None] = lambda: None) -> str:
        """Owns the partition until the reign ends; returns why. Cancel it to stop. ``ready``: called once it reigns.

        The reign has a task of its own: up to Python 3.12 a ``TaskGroup`` that fails leaves the task around it looking as if it
        were cancelled, and whoever counts that would neither begin another reign in it nor stop it.
        """
        why = await asyncio.create_task(self._reign(ready))
        heed_cancellation()  # a reign that fails while it is told to end says only the former
        return why

    async def _reign(self, ready: Callable[[], None]) -> str:
        ledger, states, now_us = self._stores.ledger, self._stores.states, self._clock.now_us()
        try:
            reign = await take_over(ledger, states, self._codec, self.partition, self._owner_id, now_us)
        except _ENDS_A_REIGN as error:  # it may have landed: whoever comes next reads that
            return str(error)
        self._begin(reign)
        why = "stopped"
        try:
            async with asyncio.TaskGroup() as group:
                await self._recover(reign)
                heed_cancellation()  # behind this nothing that the task itself awaits can miss one
                group.create_task(self._acknowledge())
                group.create_task(self._take_inbox(reign.inbox_mark))
                group.create_task(self._hold())
                group.create_task(self._sync())
                group.create_task(self._passivate())
                group.create_task(self._snapshots.run())
                group.create_task(self._take_all())
                ready()
        except* _ENDS_A_REIGN as lost:
            why = str(lost.exceptions[0])
        finally:
            self._timers.clear()
            self._appended.forget()
            await self._effects.stop()
        return why

    # --- beginning of a reign ---

    def _begin(self, reign: Reign) -> None:
        self._epoch = reign.epoch
        self._clock = OwnerClock(max(reign.accepted_at_us, self._wall_us()))
        self._timers.clock = self._clock
        self._inbox_mark = reign.inbox_mark
        self._gap_reader = EffectiveReader(reign.epoch)
        self._end = reign.end  # the offset after the last record that is known
        self._acknowledged_mark, self._acknowledged_at_us = reign.inbox_mark, reign.accepted_at_us
        self._effects.begin(reign.epoch, self._queue.put_nowait)

    async def _recover(self, reign: Reign) -> None:
        """A conversation whose effects were under way hears that its owner changed."""
        for conversation_id, opened in await self._known.recover(reign):
            if self._mind.open_work(opened.conversation).asks:
                self._queue.put_nowait(
                    Outcome(
                        conversation_id,
                        derived_id(conversation_id, "owner-changed", reign.epoch),
                        OwnerChanged(epoch=reign.epoch),
                    )
                )

    # --- taking facts ---

    async def _take_inbox(self, mark: int) -> None:
        async for batch in self._stores.inbox.follow(self.partition, mark):
            for record in batch:
                await self._room.acquire()
                self._queue.put_nowait(record)

    async def _take_all(self) -> None:
        while True:
            taken = await self._queue.get()
            if isinstance(taken, Outcome):
                await self._take_outcome(taken)
            elif isinstance(taken, _Wake):
                await self._wake(taken)
            else:
                self._room.release()
                await self._take_record(taken)

    async def _take_record(self, record: InboxRecord) -> None:
        self._inbox_mark = record.offset
        if misaddressed := misaddress_of(record, self._stores.ledger.partitions):
            await self._keep_aside(record, misaddressed)  # in no conversation: its owner may be another
            return
        await self._codec.prepare((record.conversation_id,), create=True)
        try:
            fact = acceptable(record, self._codec)
            opened = await self._load(fact.conversation_id)
        except (UndecodableError, DamagedConversationError) as error:
            await self._drop(record, str(error))
            return
        if fact.event_id in opened.seen:
            return
        try:
            self._step(opened, fact)
        except KeysUnavailableError:
            raise
        except Exception as error:  # a decider's bug must not stop the partition: the fact is kept aside, by name
            _LOG.error("a decider failed on %s: %s", fact.type, type(error).__name__)
            await self._drop(record, f"decider failed: {type(error).__name__}")

    async def _take_outcome(self, outcome: Outcome) -> None:
        await self._codec.prepare((outcome.conversation_id,), create=True)
        try:
            opened = await self._load(outcome.conversation_id)
        except DamagedConversationError:
            return
        if outcome.event_id in opened.seen:
            return
        fact = fact_event(
            outcome.conversation_id,
            outcome.payload,
            event_id=outcome.event_id,
            turn_id=outcome.turn_id,
            causation_id=outcome.causation_id,
            run_id=outcome.run_id,
            occurred_at_us=self._clock.now_us(),
        )
        try:
            self._step(opened, fact)
        except KeysUnavailableError:
            raise
        except Exception as error:  # as above; an outcome of ours has no inbox position
            _LOG.error("a decider failed on %s: %s", fact.type, type(error).__name__)
            reason = f"decider failed: {type(error).__name__}"
            letter = fact.occurred_at_us, fact.conversation_id, reason, self._bytes_of(fact)
            await self._stores.dead_letters.put(DeadLetter("outcome", self.partition, *letter))

    def _bytes_of(self, fact: Event) -> Body:
        """None of it where the fact itself is what can't be written, as one with half of a character."""
        try:
            return self._codec.encode(fact)[0]
        except KeysUnavailableError:
            raise
        except Exception:  # whatever an effect brought
            return Body(fact.type, fact.schema_version, b"")

    async def _wake(self, wake: _Wake) -> None:
        """Its deadlines are armed again, and what is over fires at once."""
        try:
            opened = await self._load(wake.conversation_id)
        except DamagedConversationError as error:
            _LOG.error("conversation %s stays closed: %s", wake.conversation_id, error)
            return
        self._timers.arm(wake.conversation_id, {})  # what woke it may stand there again
        self._timers.arm(wake.conversation_id, self._mind.open_work(opened.conversation).timers)

    def _step(self, opened: Opened[C], fact: Event) -> None:
        """Computes and appends one step; nothing of it is kept if any part of that fails."""
        conversation_id = fact.conversation_id
        accepted = replace(fact, accepted_at_us=self._clock.now_us())
        conversation, events = self._mind.step(opened.conversation, accepted)
        prev_hash, entries, stamped = opened.prev_hash, [], accepted
        for event in events:
            stamp = replace(event, epoch=self._epoch, inbox_mark=self._inbox_mark, prev_hash=prev_hash)
            body, stamped = self._codec.encode(stamp)
            prev_hash = stamped.hash
            entries.append(Entry(conversation_id, body))
        receipt = self._stores.ledger.append(self.partition, entries, hurry=is_awaited(events))
        work = self._mind.open_work(conversation)
        opened.conversation, opened.seq, opened.prev_hash = conversation, stamped.seq, prev_hash
        opened.seen.add(fact.event_id)
        opened.pending += 1
        settles = any(event.type == "TurnEnded" for event in events)
        self._appended.add(Appended(conversation_id, receipt, len(entries), stamped, work.finished, settles))
        self._timers.arm(conversation_id, work.timers)
        self._effects.reconcile(conversation_id, conversation)

    async def _drop(self, record: InboxRecord, reason: str) -> None:
        """A record that can't be taken: its bytes to the dead letters first, then a fact in its place."""
        await self._keep_aside(record, reason)
        event_id = derived_id(record.conversation_id, "dropped", record.partition, record.offset)
        try:
            opened = await self._load(record.conversation_id)
        except DamagedConversationError:
            return
        if event_id not in opened.seen:
            dropped = FactDropped(partition=record.partition, offset=record.offset, reason=reason)
            fact = fact_event(record.conversation_id, dropped, event_id=event_id, occurred_at_us=self._clock.now_us())
            self._step(opened, fact)

    async def _keep_aside(self, record: InboxRecord, reason: str) -> None:
        await self._stores.dead_letters.put(
            DeadLetter("inbox", record.partition, record.offset, record.conversation_id, reason, record.body)
        )

    def _fire(self, conversation_id: str, timer_id: str, purpose: str, turn_id: str | None) -> None:
        if timer_id == WAKE:
            self._queue.put_nowait(_Wake(conversation_id))
            return
        event_id = derived_id(conversation_id, "timer", timer_id)
        self._queue.put_nowait(
            Outcome(conversation_id, event_id, TimerFired(timer_id=timer_id, purpose=purpose), turn_id=turn_id)
        )

    async def _load(self, conversation_id: str) -> Opened[C]:
        return await self._known.load(conversation_id, self._end)

    async def _passivate(self) -> None:
        while True:
            await asyncio.sleep(self._passivate_after_s / 4)
            self._known.passivate(self._end)

    # --- what the log said ---

    async def _acknowledge(self) -> None:
        """Receipts in order. Raises ``AppendUnknownError`` when the reign is over or may be."""
        while True:
            appended = await self._appended.take()
            try:
                async with asyncio.timeout(self._append_timeout_s):
                    receipt = await appended.receipt
            except TimeoutError:
                raise AppendUnknownError("an append was not acknowledged in time") from None
            if receipt.first < self._end:  # where it stands, nobody announced this owner: no reader counts it
                raise AppendUnknownError(
                    f"an append landed at {receipt.first}, though the log had reached {self._end}: its records were lost, or "
                    f"its topic was made anew"
                )
            if receipt.first != self._end or receipt.last - receipt.first >= appended.size:
                await self._read_gap(receipt.last + 1)
            self._end = receipt.last + 1
            self._effective(appended, receipt)

    async def _read_gap(self, until: int) -> None:
        """Others' records stand before its own append or inside it: was one of them a new owner's?

        What is held meanwhile (``_hold``) stays where this owner was known to reign.
        """
        offset = self._end
        while offset < until:
            records = await self._stores.ledger.read(self.partition, offset, until - offset)
            if not records:
                raise AppendUnknownError("records before an append can't be read")
            for record in records:
                if record.body.type == OwnerTook.__name__:
                    self._gap_reader.feed(record, self._codec.decode(record.body))
                offset = record.offset + 1
        if self._gap_reader.epoch != self._epoch:
            self.superseded_by = self._gap_reader.epoch
            raise AppendUnknownError(f"another owner took the partition (epoch {self._gap_reader.epoch})")

    def _effective(self, appended: Appended, receipt: Receipt) -> None:
        """The step is durable and counts."""
        last = appended.last
        self._known.effective(appended.conversation_id, receipt, finished=appended.finished)
        self._acknowledged_mark, self._acknowledged_at_us = last.inbox_mark, last.accepted_at_us
        if appended.settles:
            self._wants_sync.set()

    async def _sync(self) -> None:
        """What ended a turn is made to survive a loss of power, off the path of the next turn."""
        while True:
            await self._wants_sync.wait()
            self._wants_sync.clear()
            await self._stores.ledger.sync()

    async def _hold(self) -> None:
        """Puts on the state store where this epoch stands: a recovery or a tail reader may start there."""
        saved = None
        while True:
            if (self._end, self._known.changes) != saved:
                saved = (self._end, self._known.changes)
                await self._stores.states.save(
                    Held(
                        self.partition,
                        self._epoch,
                        self._end,
                        self._acknowledged_mark,
                        self._acknowledged_at_us,
                        dict(self._known.live),
                        dict(self._known.passive),
                    )
                )
            await asyncio.sleep(HELD_EVERY_S)
