"""What tests of the log share: a runner that fails on leaked tasks, a data directory, and a small mind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Kind
from schemas.event import Event, derived_id
from simulation.virtual_loop import run_virtual
from streams.codec import Codec
from streams.keys import KeyStore, SqliteKeyStore
from streams.mind import OpenTimer, OpenWork, Report
from streams.owner import Stores
from streams.sqlite import SqliteDeadLetters, SqliteInbox, SqliteLedger, SqliteSnapshots, SqliteStateStore
from streams.sqlite_store import SqliteStore

T = TypeVar("T")
TIMER_MS = 2_000  # longer than an owner takes to say where it stands
PATIENCE_S = 60.0  # how long a test waits for something that must happen, on whatever machine, before it fails
TURNS = 20  # what was cancelled last gets one to end; a generator that is thrown away two, and so does each in it
FASTEST = 10.0  # of such a clock's seconds in a real one: a busy kernel may bring a socket's bytes some ms late


def run(main: Coroutine[Any, Any, T], within_s: float = PATIENCE_S * 3) -> T:
    """``asyncio.run`` that fails when tasks are left over, or a failure that nobody looked at."""
    return _watched(main, within_s, asyncio.run)


def unhurried(main: Coroutine[Any, Any, T]) -> T:
    """``run`` on a virtual clock, on which both ends of every socket must be: however slow this machine is, nobody there
    comes late."""
    return _watched(main, None, partial(run_virtual, fastest=FASTEST))


def _watched(main: Coroutine[Any, Any, T], within_s: float | None, runs: Callable[[Coroutine[Any, Any, T]], T]) -> T:
    unseen: list[str] = []

    async def checked() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: unseen.append(f"{context['message']}: {context.get('exception')}")
        )
        async with asyncio.timeout(within_s):
            result = await main
        for _ in range(TURNS):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left running: {left}"
        return result

    result = runs(checked())
    gc.collect()  # a failed future tells when it is thrown away
    assert not unseen, unseen
    return result


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What ``look`` finds, once it is something."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


@dataclass
class DataDirectory:
    """An embedded log on disk, opened. ``close`` it."""

    path: Path
    partitions: int = 1
    store: SqliteStore = field(init=False)
    keys: SqliteKeyStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.path / "log.db")
        self.keys = SqliteKeyStore(self.path / "keys")
        self.codec = Codec(self.keys)
        self.inbox = SqliteInbox(self.store, self.partitions)
        self.ledger = SqliteLedger(self.store, self.partitions)
        self.states = SqliteStateStore(self.store)
        self.dead_letters = SqliteDeadLetters(self.store)
        self.snapshots = SqliteSnapshots(self.store)
        self.stores = Stores(self.inbox, self.ledger, self.states, self.dead_letters, self.snapshots)

    def close(self) -> None:
        self.store.close()
        self.keys.close()


# --- a small mind ----------------------------------------------------------------------------------------------------


class Tally(NamedTuple):
    """A conversation that only counts. ``closed`` once its ``CallEnded`` was folded."""

    id: str
    seq: int = 0
    facts: int = 0
    closed: bool = False
    timer: OpenTimer | None = None


class TallyMind:
    """Each ``KeyPressed`` is answered by one ``CandidateAccepted`` (two for the key "2"); ``CallEnded`` closes the
    conversation; a first ``CallArrived`` opens it; a decider that meets the key "!" raises. The key "#" sets a timer."""

    version = "tally-1"

    def initial(self, conversation_id: str) -> Tally:
        return Tally(conversation_id)

    def fold(self, conversation: Tally, event: Event) -> Tally:
        facts = conversation.facts + (event.kind is Kind.FACT)
        closed = conversation.closed or isinstance(event.payload, f.CallEnded)
        timer = conversation.timer
        if isinstance(event.payload, d.TimerSet):
            timer = OpenTimer(event.payload.timer_id, event.payload.purpose, event.payload.due_at_us, None)
        elif isinstance(event.payload, f.TimerFired):
            timer = None
        return conversation._replace(seq=event.seq, facts=facts, closed=closed, timer=timer)

    def step(self, conversation: Tally, fact: Event) -> tuple[Tally, tuple[Event, ...]]:
        from msgspec.structs import replace

        decided = self._decide(conversation, fact)
        size = 1 + len(decided)
        stamped = replace(fact, seq=conversation.seq + 1, step_id=fact.event_id, step_index=0, step_size=size)
        events = (stamped, *(self._event(conversation, fact, i, size, p) for i, p in enumerate(decided, 1)))
        for event in events:
            conversation = self.fold(conversation, event)
        return conversation, events

    def open_work(self, conversation: Tally) -> OpenWork:
        timers = {timer.timer_id: timer for timer in (conversation.timer,) if timer}
        return OpenWork(asks=False, timers=timers, finished=conversation.closed)

    def freeze(self, conversation: Tally) -> bytes:
        return msgspec.msgpack.encode((self.version, conversation))

    def thaw(self, conversation_id: str, frozen: bytes) -> Tally | None:
        version, tally = msgspec.msgpack.decode(frozen, type=tuple[str, Tally])
        return tally if version == self.version else None

    def _decide(self, conversation: Tally, fact: Event) -> tuple[Decision, ...]:
        payload = fact.payload
        if isinstance(payload, f.CallArrived):
            return (d.ConversationOpened(behaviour_seq=1, behaviour_hash="none", language="en"),)
        if isinstance(payload, f.CallEnded):
            return (d.ConversationClosed(reason=payload.reason),)
        if isinstance(payload, f.KeyPressed):
            if payload.key == "!":
                raise ValueError("a decider's bug")
            if payload.key == "#":
                due_at_us = fact.accepted_at_us + TIMER_MS * 1000
                return (d.TimerSet(timer_id=f"t{conversation.facts}", purpose="idle", due_at_us=due_at_us),)
            count = int(payload.key) if payload.key.isdigit() else 1
            return tuple(d.CandidateAccepted(candidate_id=f"c{conversation.facts}.{i}") for i in range(count))
        return ()

    def _event(self, conversation: Tally, fact: Event, index: int, size: int, payload: Decision) -> Event:
        return Event(
            event_id=derived_id(fact.event_id, "tally", index),
            type=type(payload).__name__,
            schema_version=payload.VERSION,
            conversation_id=conversation.id,
            seq=conversation.seq + 1 + index,
            step_id=fact.event_id,
            step_index=index,
            step_size=size,
            kind=Kind.DECISION,
            causation_id=fact.event_id,
            decider_version=self.version,
            occurred_at_us=fact.accepted_at_us,
            accepted_at_us=fact.accepted_at_us,
            payload=payload,
        )


class NoEffects:
    """Carries nothing out. ``report``: how a test puts an outcome into the owner's memory."""

    report: Report | None = None
    stopped = 0

    def __init__(self) -> None:
        self.reconciled: list[object] = []  # conversations, as each step left them

    def begin(self, epoch: int, report: Report) -> None:
        self.report = report

    def reconcile(self, conversation_id: str, conversation: object) -> None:
        self.reconciled.append(conversation)

    async def stop(self) -> None:
        self.report = None
        self.stopped += 1


def key_of(store: KeyStore, conversation_id: str) -> str:
    """The id of a conversation's key, made if there is none."""
    return store.create(conversation_id).key_id
