"""What survives the death of every process: the log, the inbox, the state store, the dead letters.

One partition, kept in memory. ``changed`` wakes those who follow. Nothing here knows of faults or processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from typing import NamedTuple

from agent_core.behaviour import Behaviour
from schemas.event import Event
from streams.codec import Body
from streams.keys import MemoryKeyStore
from streams.ports import DeadLetter, Entry, Held, InboxRecord, LogRecord, Snapshot

PARTITION = 0


class CustomerRead(NamedTuple):
    """What a process read of a customer, as the bank's own systems saw it."""

    at_s: float
    process: str
    conversation_id: str
    ask_id: str
    customer_id: str
    object_id: str


class BankWrite(NamedTuple):
    """What was changed in the bank's own systems. ``undoes``: the key of what it took back; empty where it did something."""

    at_s: float
    process: str
    conversation_id: str
    ask_id: str
    key: str
    kind: str
    customer_id: str
    object_id: str
    undoes: str


class Signal:
    """Wakes everybody who waits, each time that ``ring`` is called."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future


class Durable:
    """``acknowledged``: event id → conversation, of every put that returned. ``landed_s``: when each record landed."""

    def __init__(self) -> None:
        self.log: list[LogRecord] = []
        self.meant: set[str] = set()  # every sentence that a model meant to say
        self.landed_s: list[float] = []
        self.written_by: list[str] = []
        self.inbox: list[InboxRecord] = []
        self.inbox_ids: list[str] = []  # what the producer said the event id is
        self.held: list[Held] = []
        self.snapshots: dict[str, list[Snapshot]] = {}  # every version that was ever saved
        self.letters: dict[tuple[str, int, int], DeadLetter] = {}
        self.acknowledged: dict[str, str] = {}
        self.reads: list[CustomerRead] = []
        self.bank_writes: list[BankWrite] = []
        self.bank_done: dict[str, dict[str, str]] = {}  # key → what came of it
        self.bank_void: set[str] = set()  # keys that were undone
        self.bank_lost: set[str] = set()  # keys whose first answer was lost
        self.phones: dict[str, list[tuple[str, str]]] = {}  # conversation → number and text of each message
        self.behaviours: dict[tuple[int, str], Behaviour] = {}
        self.keys = MemoryKeyStore()
        self.read: dict[Body, Event] = {}  # what was read of which bytes: see ``SimCodec``
        self.log_grew = Signal()
        self.inbox_grew = Signal()
        self.broker = Context()  # what runs in it belongs to no process: no freeze, no death touches it

    def land(self, entries: Sequence[Entry], writer: str) -> tuple[int, int]:
        """Appends; returns the offsets of the first and last record."""
        first = len(self.log)
        now = asyncio.get_running_loop().time()
        for offset, entry in enumerate(entries, first):
            self.log.append(LogRecord(PARTITION, offset, entry.conversation_id, entry.body, entry.imported_under))
            self.landed_s.append(now)
            self.written_by.append(writer)
        self.log_grew.ring()
        return first, len(self.log) - 1

    def receive(self, conversation_id: str, event_id: str, body: Body) -> None:
        self.inbox.append(InboxRecord(PARTITION, len(self.inbox), conversation_id, body))
        self.inbox_ids.append(event_id)
        self.inbox_grew.ring()

    def behaviour_of(self, seq: int, content_hash: str) -> Behaviour:
        """Raises ``LookupError``."""
        return self.behaviours[seq, content_hash]
