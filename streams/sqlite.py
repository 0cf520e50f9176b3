"""The embedded log on SQLite: the adapters of the ports in ``streams.ports``, all on one ``SqliteStore``.

Any process puts facts and reads. One process owns (``streams.owner_lock``). A loss of power may take what was appended
after the last ``Ledger.sync``; the death of a process takes nothing that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import msgspec

from schemas.control import OwnerTook
from streams.codec import Body
from streams.partitioner import partition_of
from streams.ports import (
    AppendUnknownError,
    DeadLetter,
    Entry,
    Held,
    InboxRecord,
    InboxUnavailableError,
    LogRecord,
    Receipt,
    RecordsGoneError,
    Snapshot,
)
from streams.sqlite_store import SqliteStore
from streams.sqlite_wal import wal_of

BATCH = 1000
_NO_END = 2**63 - 1
_NO_LIMIT = -1

INBOX, LOG = "inbox", "log"  # what followers wait for

_LOG_COLUMNS = "partition, offset, conversation_id, type, version, data, imported_under"
_PUT = """insert or ignore into inbox select ?, coalesce(max(offset), -1) + 1, ?, ?, ?, ?, ? from inbox where partition = ?"""
_FOLLOW_INBOX = """select partition, offset, conversation_id, type, version, data from inbox
    where partition = ? and offset > ? order by offset limit ?"""
_NEXT_OFFSET = "select coalesce(max(offset), -1) + 1 from log where partition = ?"
_FIRST_OFFSET = "select coalesce(min(offset), 0) from log where partition = ?"
_APPEND = (
    "insert into log (partition, offset, conversation_id, type, version, imported_under, data) values (?,?,?,?,?,?,?)"
)
_READ = f"select {_LOG_COLUMNS} from log where partition = ? and offset >= ? order by offset limit ?"
# The conversation's records and the control records, each in the index's order, are merged: nothing is sorted. Told to use the
# index: for the sake of "order by" the planner would rather walk through the whole partition.
_READ_OF = f"""select {_LOG_COLUMNS} from log indexed by log_by_conversation
    where partition = ?2 and offset >= ?3 and offset < ?4 and conversation_id ="""
_READ_CONVERSATION = f"{_READ_OF} ?1 union all {_READ_OF} '' order by offset limit ?5"
_CONVERSATIONS = "select distinct conversation_id from log where conversation_id <> '' order by conversation_id"
_SAVE_HELD = "insert or replace into held values (?, ?)"
_LOAD_HELD = "select data from held where partition = ?"
_SAVE_SNAPSHOT = "insert or replace into snapshot values (?, ?)"
_LOAD_SNAPSHOT = "select data from snapshot where conversation_id = ?"
_DROP_SNAPSHOT = "delete from snapshot where conversation_id = ?"
_PUT_LETTER = "insert or ignore into dead_letter values (?, ?, ?, ?)"
_READ_LETTERS = "select data from dead_letter order by topic, partition, offset"


class SqliteInbox:
    def __init__(self, store: SqliteStore, partitions: int = 1) -> None:
        self._store, self.partitions = store, partitions

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        partition = partition_of(conversation_id, self.partitions)
        row = (partition, event_id, conversation_id, body.type, body.version, body.data, partition)
        try:
            self._store.db.execute(_PUT, row)
        except sqlite3.Error as error:
            raise InboxUnavailableError(f"the inbox took nothing: {error}") from None
        self._store.wake(INBOX)

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
        async for _ in self._store.changes(INBOX):
            while rows := self._store.db.execute(_FOLLOW_INBOX, (partition, after, BATCH)).fetchall():
                after = rows[-1][1]
                yield [InboxRecord(p, offset, c, Body(t, v, data)) for p, offset, c, t, v, data in rows]


class SqliteLedger:
    def __init__(self, store: SqliteStore, partitions: int = 1) -> None:
        self._store, self.partitions = store, partitions
        self._pending: list[tuple[int, Sequence[Entry], asyncio.Future[Receipt]]] = []
        self._failed: set[int] = set()  # partitions whose last append failed, until an owner announces itself

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        """Everything that is appended in one turn of the event loop goes into one transaction, in order: in the next turn but
        one, so that the requests that its owner begins with a step are on their way when this loop is kept for the write.

        Nothing is kept back: nobody but this process has work with a commit.
        """
        loop = asyncio.get_running_loop()
        receipt: asyncio.Future[Receipt] = loop.create_future()
        if partition in self._failed and entries[0].body.type != OwnerTook.__name__:
            receipt.set_exception(AppendUnknownError("an append before this one failed"))
            return receipt
        self._failed.discard(partition)
        if not self._pending:
            loop.call_soon(loop.call_soon, self._commit)
        self._pending.append((partition, entries, receipt))
        return receipt

    def _commit(self) -> None:
        pending, self._pending = self._pending, []
        receipts: list[tuple[asyncio.Future[Receipt], Receipt]] = []
        try:
            self._store.db.execute("begin immediate")
            for partition, entries, future in pending:
                (first,) = self._store.db.execute(_NEXT_OFFSET, (partition,)).fetchone()
                self._store.db.executemany(
                    _APPEND,
                    [
                        (
                            partition,
                            offset,
                            e.conversation_id,
                            e.body.type,
                            e.body.version,
                            e.imported_under,
                            e.body.data,
                        )
                        for offset, e in enumerate(entries, first)
                    ],
                )
                receipts.append((future, Receipt(first, first + len(entries) - 1)))
            self._store.db.execute("commit")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._store.db.execute("rollback")
            for partition, _, future in pending:
                self._failed.add(partition)
                if not future.done():
                    future.set_exception(AppendUnknownError(f"the log took nothing: {error}"))
            return
        for future, receipt in receipts:
            if not future.done():
                future.set_result(receipt)
        self._wake({e.conversation_id for _, entries, _ in pending for e in entries})

    def _wake(self, conversations: set[str]) -> None:
        """A control record is of no conversation, and concerns the followers of each."""
        touched = () if "" in conversations else (LOG, *map(_log_of, conversations))
        self._store.wake(*touched)

    async def read(self, partition: int, start: int, limit: int = BATCH) -> list[LogRecord]:
        records = _log_records(self._store.db.execute(_READ, (partition, start, limit)))
        if records and records[0].offset > start:
            self._refuse_lost_beginning(partition, start)
        return records

    def _refuse_lost_beginning(self, partition: int, start: int) -> None:
        """Raises ``RecordsGoneError``. What is missing further behind ``verify`` names, event by event."""
        (first,) = self._store.db.execute(_FIRST_OFFSET, (partition,)).fetchone()
        if start < first:
            raise RecordsGoneError(
                f"the log has lost its beginning: of partition {partition}, records {start} to {first - 1} were deleted. Without "
                f"them nobody can tell what of the rest counts: restore {self._store.path.name} from a backup, or import a "
                f"file of ledgerline export into another data directory"
            )

    async def end(self, partition: int) -> int:
        (end,) = self._store.db.execute(_NEXT_OFFSET, (partition,)).fetchone()
        return int(end)

    async def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]:
        async for _ in self._store.changes(LOG):
            while records := await self.read(partition, start):
                start = records[-1].offset + 1
                yield records

    async def follow_conversation(self, conversation_id: str, start: int) -> AsyncIterator[list[LogRecord]]:
        async with aclosing(self._store.changes(_log_of(conversation_id))) as changes:
            async for _ in changes:
                while records := self._read_conversation(conversation_id, start, _NO_END, BATCH):
                    start = records[-1].offset + 1
                    yield records

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        self._refuse_lost_beginning(partition_of(conversation_id, self.partitions), start)
        return self._read_conversation(conversation_id, start, _NO_END if until is None else until, _NO_LIMIT)

    def _read_conversation(self, conversation_id: str, start: int, until: int, limit: int) -> list[LogRecord]:
        partition = partition_of(conversation_id, self.partitions)
        rows = self._store.db.execute(_READ_CONVERSATION, (conversation_id, partition, start, until, limit))
        return _log_records(rows)

    async def conversations(self) -> list[str]:
        for partition in range(self.partitions):
            self._refuse_lost_beginning(partition, 0)
        return [row[0] for row in self._store.db.execute(_CONVERSATIONS)]

    async def sync(self) -> None:
        """Once the file that commits go into is on disk. What is moved out of it then, nobody waits for."""
        await asyncio.get_running_loop().run_in_executor(None, _fsync, wal_of(self._store.path))
        self._store.checkpoints.begin_if_due()


class SqliteStateStore:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def save(self, held: Held) -> None:
        with suppress(sqlite3.OperationalError):  # a hint for the next start; a full disk is the append's to report
            self._store.db.execute(_SAVE_HELD, (held.partition, held.encoded()))

    async def load(self, partition: int) -> Held | None:
        row = self._store.db.execute(_LOAD_HELD, (partition,)).fetchone()
        return Held.decoded(row[0]) if row else None


class SqliteSnapshots:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def refresh(self, partition: int) -> None:
        """Nothing to do: every load looks anew."""

    async def save(self, snapshot: Snapshot) -> None:
        with suppress(sqlite3.OperationalError):  # as above
            self._store.db.execute(_SAVE_SNAPSHOT, (snapshot.conversation_id, snapshot.encoded()))

    async def load(self, partition: int, conversation_id: str) -> Snapshot | None:
        row = self._store.db.execute(_LOAD_SNAPSHOT, (conversation_id,)).fetchone()
        return Snapshot.decoded(row[0]) if row else None

    async def drop(self, partition: int, conversation_id: str) -> None:
        with suppress(sqlite3.OperationalError):
            self._store.db.execute(_DROP_SNAPSHOT, (conversation_id,))


class SqliteDeadLetters:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def put(self, letter: DeadLetter) -> None:
        row = (letter.topic, letter.partition, letter.offset, msgspec.msgpack.encode(letter))
        try:
            self._store.db.execute(_PUT_LETTER, row)
        except sqlite3.Error as error:
            raise AppendUnknownError(f"the dead letters took nothing: {error}") from None

    async def read(self) -> list[DeadLetter]:
        return [msgspec.msgpack.decode(row[0], type=DeadLetter) for row in self._store.db.execute(_READ_LETTERS)]


def _log_of(conversation_id: str) -> str:
    return f"{LOG}/{conversation_id}"


def _log_records(rows: Iterable[tuple[Any, ...]]) -> list[LogRecord]:
    """Straight from the tuples: half of what it takes to read a record went into the named ones' constructors."""
    new = tuple.__new__
    return [
        new(LogRecord, (partition, offset, conversation_id, new(Body, (type_name, version, data)), imported_under))
        for partition, offset, conversation_id, type_name, version, data, imported_under in rows
    ]


def _fsync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # no write-ahead log: everything stands in the synced main file
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
