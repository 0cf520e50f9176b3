"""A log whose every step is somebody's command: what lands, what is answered, what is lost, what an owner may see.

Production owners run on it, on a clock that only moves when it is told to. It promises what the ports promise and no
more: appends of one owner land in the order in which they were submitted, records of one append may have others' between
them, and after a loss nothing lands until that owner announces itself again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from support import NoEffects, TallyMind

from simulation.virtual_loop import VirtualLoop
from streams.codec import Codec
from streams.keys import MemoryKeyStore
from streams.owner import Owner, Stores
from streams.ports import AppendUnknownError, DeadLetter, Entry, Held, InboxRecord, LogRecord, Receipt, Snapshot

T = TypeVar("T")
PASSIVATE_AFTER_S = 1.0  # small, so that conversations leave memory and come back in mid-run
SNAPSHOT_EVERY = 3


@dataclass
class Durable:
    """What all processes share."""

    log: list[LogRecord] = field(default_factory=list)
    inbox: list[InboxRecord] = field(default_factory=list)
    saved: list[Held] = field(default_factory=list)  # every one; the last is what a load finds
    snapshots: dict[str, Snapshot] = field(default_factory=dict)  # a zombie's may come last
    letters: list[DeadLetter] = field(default_factory=list)


@dataclass
class _Submitted:
    entries: deque[Entry]
    receipt: asyncio.Future[Receipt]
    first: int | None = None
    last: int | None = None


class DrivenLedger:
    """One owner's way to the log. Implements ``streams.ports.Ledger``."""

    partitions = 1

    def __init__(self, durable: Durable) -> None:
        self._durable = durable
        self._net: deque[_Submitted] = deque()
        self._landed: deque[_Submitted] = deque()
        self._broken = False

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        submitted = _Submitted(deque(entries), asyncio.get_running_loop().create_future())
        if entries[0].body.type == "OwnerTook":
            self._broken = False
        if self._broken:
            _fail(submitted)
        else:
            self._net.append(submitted)
        return submitted.receipt

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        return self._durable.log[start : start + limit]

    async def end(self, partition: int) -> int:
        return len(self._durable.log)

    def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]:
        raise NotImplementedError("an owner doesn't follow its log")

    def follow_conversation(self, conversation_id: str, start: int) -> AsyncIterator[list[LogRecord]]:
        raise NotImplementedError("an owner doesn't follow its log")

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        return [one for one in self._durable.log[start:until] if one.conversation_id in ("", conversation_id)]

    async def sync(self) -> None:
        return

    # --- what the test commands ---

    @property
    def in_the_net(self) -> int:
        return len(self._net)

    @property
    def unanswered(self) -> int:
        return len(self._landed)

    def land(self) -> None:
        """The next record that was sent reaches the log."""
        submitted = self._net[0]
        entry, offset = submitted.entries.popleft(), len(self._durable.log)
        self._durable.log.append(LogRecord(0, offset, entry.conversation_id, entry.body))
        submitted.first = offset if submitted.first is None else submitted.first
        submitted.last = offset
        if not submitted.entries:
            self._landed.append(self._net.popleft())

    def answer(self) -> None:
        """The owner hears where its oldest append landed."""
        submitted = self._landed.popleft()
        if not submitted.receipt.done():
            assert submitted.first is not None
            assert submitted.last is not None
            submitted.receipt.set_result(Receipt(submitted.first, submitted.last))

    def lose(self) -> None:
        """What was sent and hasn't landed never will; nor does anything behind it."""
        self._broken = True
        while self._net:
            _fail(self._net.popleft())


def _fail(submitted: _Submitted) -> None:
    if not submitted.receipt.done():
        submitted.receipt.set_exception(AppendUnknownError("an append was lost"))
        submitted.receipt.exception()  # an owner that stopped doesn't ask any more


class DrivenInbox:
    """One owner's view of the inbox: it sees as many records as it was shown."""

    partitions = 1

    def __init__(self, durable: Durable) -> None:
        self._durable = durable
        self.shown = 0
        self._more = asyncio.Event()

    async def put(self, conversation_id: str, event_id: str, body: Any) -> None:
        raise NotImplementedError("the test puts facts itself")

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
        position = after + 1
        self.shown = max(self.shown, position)
        while True:
            if position < self.shown:
                yield self._durable.inbox[position : self.shown]
                position = self.shown
            self._more.clear()
            await self._more.wait()

    def show_one(self) -> None:
        self.shown += 1
        self._more.set()


class _States:
    def __init__(self, durable: Durable) -> None:
        self._durable = durable

    async def save(self, held: Held) -> None:
        self._durable.saved.append(held)

    async def load(self, partition: int) -> Held | None:
        return self._durable.saved[-1] if self._durable.saved else None


class _Snapshots:
    def __init__(self, durable: Durable) -> None:
        self._durable = durable

    async def refresh(self, partition: int) -> None:
        return

    async def save(self, snapshot: Snapshot) -> None:
        self._durable.snapshots[snapshot.conversation_id] = snapshot

    async def load(self, partition: int, conversation_id: str) -> Snapshot | None:
        return self._durable.snapshots.get(conversation_id)

    async def drop(self, partition: int, conversation_id: str) -> None:
        self._durable.snapshots.pop(conversation_id, None)


class _Letters:
    def __init__(self, durable: Durable) -> None:
        self._durable = durable

    async def put(self, letter: DeadLetter) -> None:
        self._durable.letters.append(letter)

    async def read(self) -> list[DeadLetter]:
        return self._durable.letters


class OwnerProcess:
    """A production owner, and the ends of its wires."""

    def __init__(self, number: int, durable: Durable, codec: Codec) -> None:
        self.ledger, self.inbox = DrivenLedger(durable), DrivenInbox(durable)
        stores = Stores(self.inbox, self.ledger, _States(durable), _Letters(durable), _Snapshots(durable))
        self.reigned = False
        self._owner = Owner(
            0,
            stores,
            codec,
            TallyMind(),
            NoEffects(),
            owner_id=f"o{number}",
            wall_us=lambda: 0,
            passivate_after_s=PASSIVATE_AFTER_S,
            snapshot_every=SNAPSHOT_EVERY,
        )

    async def run(self) -> str:
        return await self._owner.run(self._reigns)

    def _reigns(self) -> None:
        self.reigned = True


class DrivenOwners:
    """Owners on one log, all standing still until something is commanded. ``close`` it."""

    def __init__(self) -> None:
        self.durable = Durable()
        self.codec = Codec(MemoryKeyStore())
        self.owners: list[OwnerProcess] = []
        self._tasks: list[asyncio.Task[str]] = []
        self._loop = VirtualLoop()

    def start_owner(self) -> None:
        async def starts() -> None:
            owner = OwnerProcess(len(self.owners), self.durable, self.codec)
            self.owners.append(owner)
            self._tasks.append(asyncio.create_task(owner.run()))
            await self._settled()

        self._run(starts())

    def command(self, act: Any) -> None:
        """Does it, and lets everyone do what follows from it, in no time."""

        async def acts() -> None:
            act()
            await self._settled()

        self._run(acts())

    def let_pass(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    def still_owns(self, number: int) -> bool:
        return not self._tasks[number].done()

    def failures(self) -> list[BaseException]:
        """What owners ended by, though they may only end by saying why."""
        ended = [task for task in self._tasks if task.done()]
        return [error for task in ended if (error := task.exception())]

    def close(self) -> None:
        async def stops() -> None:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._run(stops())
        self._run(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _run(self, main: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(main)

    async def _settled(self) -> None:
        ready: Any = self._loop
        while True:
            await asyncio.sleep(0)
            if not ready._ready:
                return
