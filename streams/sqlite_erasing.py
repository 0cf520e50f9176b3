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
    """Another process reads the file just now, so its write-ahead log can't be emptied: run it again."""


def empty_dead_letters(store: SqliteStore, conversations: Collection[str]) -> int:
    """Keeps where each letter came from and why, so that nothing looks lost; of what it held, nothing, and neither does the
    inbox from which it was dropped. Returns how many.

    Raises ``TracesLeftError``.
    """
    emptied, changed = 0, 0
    store.db.execute("pragma secure_delete=on")
    for topic, partition, offset, data in store.db.execute(_LETTERS).fetchall():
        letter = msgspec.msgpack.decode(data, type=DeadLetter)
        if letter.conversation_id not in conversations:
            continue
        if letter.body.data:
            empty = letter._replace(body=Body(letter.body.type, letter.body.version, b""))
            store.db.execute(_EMPTY_LETTER, (msgspec.msgpack.encode(empty), topic, partition, offset))
            emptied += 1
        if topic == "inbox":
            changed += store.db.execute(_EMPTY_RECORD, (partition, offset)).rowcount
    if emptied or changed:
        empty_wal(store.db)
    return emptied


def empty_wal(database: sqlite3.Connection) -> None:
    """Raises ``TracesLeftError``."""
    if not wal_is_emptied(database):
        raise TracesLeftError("the file is read by another process, and its write-ahead log still holds what it held")
