"""The ports of the log, shaped by what a Kafka broker can promise: appends in order, and no compare-and-append.

``Inbox.put`` is for any process; ``Ledger.append`` is for the owner of a partition alone. An adapter can't refuse a
stale owner's append: readers drop it (``streams.effective``). Offsets count from 0 in each partition.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from streams.codec import Body


class InboxRecord(NamedTuple):
    partition: int
    offset: int
    conversation_id: str
    body: Body


class Entry(NamedTuple):
    """What is appended. ``imported_under``: the importing owner's epoch where this is a copy from another log."""

    conversation_id: str
    body: Body
    imported_under: int | None = None


class LogRecord(NamedTuple):
    partition: int
    offset: int
    conversation_id: str
    body: Body
    imported_under: int | None = None


class Receipt(NamedTuple):
    """Where an append landed, inclusive."""

    first: int
    last: int


class Passive(NamedTuple):
    """An open conversation that left its owner's memory with a deadline still to come, ``due_at_us`` the earliest."""

    first: int
    due_at_us: int


class Held(NamedTuple):
    """What an owner puts on the state store each second: true of the log whoever wrote it.

    Epoch ``epoch`` was in force at ``offset``, the offset after the end of an effective step. A reader may start there.
    Conversations by id, with the offset of their first record: ``open_conversations`` may have work under way,
    ``passive`` wait for a deadline. What is in neither is closed, or waits for nothing but its next fact.
    """

    partition: int
    epoch: int
    offset: int
    inbox_mark: int
    accepted_at_us: int
    open_conversations: Mapping[str, int]
    passive: Mapping[str, Passive]

    def encoded(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decoded(cls, data: bytes) -> Held | None:
        """None where another version wrote it: a recovery then reads the whole partition, once."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.MsgspecError:
            return None


class Snapshot(NamedTuple):
    """A conversation as its owner had it in memory, up to the end of an effective step.

    Its last record, at ``offset``, has this ``seq`` and ``hash``; its first is at ``first``. ``state``: the mind's, sealed
    under the conversation's key. ``seen``: ``streams.seen``.
    """

    partition: int
    conversation_id: str
    first: int
    offset: int
    seq: int
    hash: bytes
    seen: bytes
    state: bytes

    def encoded(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decoded(cls, data: bytes) -> Snapshot | None:
        """None where another version wrote it."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.MsgspecError:
            return None


class DeadLetter(NamedTuple):
    """Idempotent by (topic, partition, offset). ``body`` holds the original bytes; nothing, once they were forgotten.
    ``is_sealed``: they stand in the log under the key of their conversation."""

    topic: str
    partition: int
    offset: int
    conversation_id: str
    reason: str
    body: Body
    is_sealed: bool = False


class AppendUnknownError(Exception):
    """An append failed, or its outcome can't be known: the owner must stop and recover from the log."""


class RecordsGoneError(Exception):
    """The log no longer holds records that are needed: they were deleted. The message says which, and what that means."""


class InboxUnavailableError(Exception):
    """The put wasn't acknowledged. Putting the same fact again is safe."""


class OwnerRefusedError(Exception):
    """Another process owns this partition."""


class Inbox(Protocol):
    partitions: int

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        """Returns when the fact is durable. Raises ``InboxUnavailableError``; then, or in doubt, put it again.

        A fact that was put twice takes effect once: an adapter may keep both, the owner drops what it has by event id.
        """
        ...

    def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
        """Batches of records above offset ``after``, in order, without end."""
        ...


class Ledger(Protocol):
    partitions: int

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        """Submits, so that calls land in the order in which they were made; awaiting it gives the receipt.

        What is in no ``hurry`` may be kept back for a moment, or until the next append to its partition that is.

        Raises ``AppendUnknownError`` when awaited. After that nothing more lands in this partition of what this adapter
        is given, until an owner announces itself (an ``OwnerTook``): a step must never stand behind a hole.
        """
        ...

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        """Records from ``start`` on, void ones too; empty at the end.

        What this adapter acknowledged is there: it waits for a broker that doesn't know of it yet to learn that another leads.
        """
        ...

    async def end(self, partition: int) -> int:
        """The offset that the next record will have."""
        ...

    def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]: ...

    def follow_conversation(self, conversation_id: str, start: int) -> AsyncIterator[list[LogRecord]]:
        """What ``read_conversation`` reads, from offset ``start`` on, without end; of others' records none are given.

        Many may be followed at once: they share what it costs to follow a partition, and a slow reader holds up nobody.
        """
        ...

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        """A conversation's records and every ``OwnerTook`` of its partition, in order of offset, void ones too.

        Of [``start``, ``until``); ``until`` None: up to the log's end as it is now.
        """
        ...

    async def sync(self) -> None:
        """Returns when what was appended survives a loss of power, as far as the adapter can say."""
        ...


class StateStore(Protocol):
    async def save(self, held: Held) -> None: ...

    async def load(self, partition: int) -> Held | None: ...


class Snapshots(Protocol):
    """Hints that spare a recovery the reading of old records: any of them may be missing, none may be wrong unnoticed."""

    async def refresh(self, partition: int) -> None:
        """What was saved so far, by anyone, is found by ``load`` from here on."""
        ...

    async def save(self, snapshot: Snapshot) -> None:
        """In place of the conversation's last one. A failure is no one's business."""
        ...

    async def load(self, partition: int, conversation_id: str) -> Snapshot | None: ...

    async def drop(self, partition: int, conversation_id: str) -> None:
        """The conversation is closed: nobody will ask again."""
        ...


class DeadLetters(Protocol):
    async def put(self, letter: DeadLetter) -> None: ...

    async def read(self) -> list[DeadLetter]: ...
