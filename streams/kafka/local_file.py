"""What a process keeps of a log's topics on its own disk, so that it needn't read them from their beginning.

Nothing in it is true by itself: it is rebuilt from the topics where it is missing, damaged, or of other topics than it
was. So it may be deleted at any time, while no process uses it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.owner_lock import OwnerLock
from streams.ports import OwnerRefusedError
from streams.sqlite_checkpoint import Checkpoints
from streams.sqlite_wal import connect_wal

_VERSION = 1
_MOST = 16  # processes that share a directory
_SCHEMA = f"""
pragma user_version={_VERSION};
create table if not exists place (
    id integer primary key, topic text not null, partition integer not null, next integer not null,
    mark_offset integer not null, mark blob not null, unique (topic, partition)) strict;
create table if not exists stretch (
    place integer not null, conversation_id text not null, first integer not null, ranges blob not null,
    primary key (place, conversation_id, first)) strict, without rowid;
create table if not exists announcement (
    place integer not null, offset integer not null, data blob not null,
    primary key (place, offset)) strict, without rowid;
create table if not exists snapshot (
    place integer not null, conversation_id text not null, data blob not null,
    primary key (place, conversation_id)) strict, without rowid;
"""
_FIND_PLACE = "select id, next, mark_offset, mark from place where topic = ? and partition = ?"
_ADD_PLACE = "insert into place (topic, partition, next, mark_offset, mark) values (?, ?, 0, -1, x'')"
_MOVE_PLACE = "update place set next = ?, mark_offset = ?, mark = ? where id = ?"
_OF_PLACE = ("stretch", "announcement", "snapshot")


class Place(NamedTuple):
    """How far a partition was read. ``mark``: a digest of the record at ``mark_offset``, by which it is known again."""

    id: int
    next: int
    mark_offset: int = -1
    mark: bytes = b""


class LocalFile:
    """One process writes a file. Where ``path`` is in use, this one takes the next name; without a path, memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock: OwnerLock | None = None
        self.path = None if path is None else self._taken(path)
        self._db = _memory() if self.path is None else _opened(self.path)
        self._checkpoints = Checkpoints(self.path) if self.path else None
        if self._checkpoints:
            self._checkpoints.left_to_them(self._db)

    def close(self) -> None:
        if self._checkpoints:
            self._checkpoints.close()
        self._db.close()
        if self._lock:
            self._lock.release()

    def place(self, topic: str, partition: int) -> Place:
        found = self._db.execute(_FIND_PLACE, (topic, partition)).fetchone()
        if found is None:
            self._db.execute(_ADD_PLACE, (topic, partition))
            found = self._db.execute(_FIND_PLACE, (topic, partition)).fetchone()
        return Place(*found)

    def forget(self, place: int) -> None:
        """What is known of it is of another topic."""
        with self.writing():
            for table in _OF_PLACE:
                self._db.execute(f"delete from {table} where place = ?", (place,))
            self._db.execute(_MOVE_PLACE, (0, -1, b"", place))

    def move(self, place: Place) -> None:
        self._db.execute(_MOVE_PLACE, (place.next, place.mark_offset, place.mark, place.id))

    def rows(self, query: str, values: Sequence[Any]) -> list[Any]:
        return self._db.execute(query, values).fetchall()

    def write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._db.executemany(statement, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction. Raises ``sqlite3.Error``."""
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
            if self._checkpoints:
                self._checkpoints.begin_if_due()
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise

    def _taken(self, path: Path) -> Path | None:
        for number in range(1, _MOST + 1):
            name = path if number == 1 else path.with_stem(f"{path.stem}.{number}")
            lock = OwnerLock(name.with_suffix(".lock"))
            try:
                lock.acquire()
            except OwnerRefusedError:
                continue
            self._lock = lock
            return name
        return None


def _memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(_SCHEMA)
    return database


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _checked(path)
    except sqlite3.DatabaseError:  # damaged, or no database: the topics have it all
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _checked(path)


def _checked(path: Path) -> sqlite3.Connection:
    """Raises ``sqlite3.DatabaseError``."""
    database = connect_wal(path, "normal")
    try:
        (version,) = database.execute("pragma user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"written by another version ({version})")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
