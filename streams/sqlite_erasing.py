"""Takes bytes out of a SQLite file for good: out of its pages, its free pages and its write-ahead log."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import msgspec

from streams.codec import Body
from streams.ports import DeadLetter
from streams.sqlite_store import SqliteStore
from streams.sqlite_wal import wal_is_emptied

_LETTERS = "select topic, partition, offset, data from dead_letter"
_EMPTY_LETTER = "update dead_letter set data = ? where topic = ? and partition = ? and offset = ?"
_EMPTY_RECORD = "update inbox set data = x'' where partition = ? and offset = ? and length(data) > 0"


class TracesLeftError(Exception):
    """What was emptied may still lie in the file or in its write-ahead log. The message says why: run it again."""


def empty_dead_letters(store: SqliteStore, conversations: Collection[str]) -> int:
    """Keeps where each letter came from and why, so that nothing looks lost; of what it held, nothing, and neither does the
    inbox from which it was dropped. Returns how many.

    Where there is any, emptied now or by a run that was broken off, the file is written anew: SQLite moves rows between pages
    as a table grows, and what it moved stays in the page that it left, whatever becomes of the row.

    Raises ``TracesLeftError``.
    """
    emptied, found = 0, False
    for topic, partition, offset, data in store.db.execute(_LETTERS).fetchall():
        letter = msgspec.msgpack.decode(data, type=DeadLetter)
        if letter.conversation_id not in conversations:
            continue
        found = True
        if letter.body.data:
            empty = letter._replace(body=Body(letter.body.type, letter.body.version, b""))
            store.db.execute(_EMPTY_LETTER, (msgspec.msgpack.encode(empty), topic, partition, offset))
            emptied += 1
        if topic == "inbox":
            store.db.execute(_EMPTY_RECORD, (partition, offset))
    if found:
        _write_anew(store.db)
    return emptied


def _write_anew(database: sqlite3.Connection) -> None:
    """Raises ``TracesLeftError``."""
    try:
        database.execute("vacuum")
    except sqlite3.Error as error:
        raise TracesLeftError(f"ledger.db can't be written anew, and may still hold what they held ({error})") from None
    empty_wal(database)


def empty_wal(database: sqlite3.Connection) -> None:
    """Raises ``TracesLeftError``."""
    if not wal_is_emptied(database):
        raise TracesLeftError("another process reads ledger.db, whose write-ahead log still holds what they held")
