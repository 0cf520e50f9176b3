"""The behaviour stream: every version that was ever in force, by its own contiguous seq and content hash."""

from __future__ import annotations

import time
from typing import Protocol

from streams.sqlite_store import SqliteStore

_FIND = "select seq from behaviour where hash = ?"
_NEWEST = "select seq, hash from behaviour order by seq desc limit 1"
_ADD = "insert or ignore into behaviour select coalesce(max(seq), 0) + 1, ?, ?, ? from behaviour"
_GET = "select content from behaviour where seq = ? and hash = ?"


class BehaviourMissingError(LookupError):
    """A conversation pinned a behaviour that isn't in this log."""


class BehaviourStream(Protocol):
    def record(self, content_hash: str, content: bytes) -> int:
        """The seq of this version; recorded if it is new."""
        ...

    def get(self, seq: int, content_hash: str) -> bytes:
        """Raises ``BehaviourMissingError``."""
        ...


class SqliteBehaviours:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def record(self, content_hash: str, content: bytes) -> int:
        found = self._store.db.execute(_FIND, (content_hash,)).fetchone()
        if found is None:
            self._store.db.execute(_ADD, (content_hash, time.time_ns() // 1000, content))
            found = self._store.db.execute(_FIND, (content_hash,)).fetchone()
        return int(found[0])

    def newest(self) -> tuple[int, str] | None:
        row = self._store.db.execute(_NEWEST).fetchone()
        return (row[0], row[1]) if row else None

    def get(self, seq: int, content_hash: str) -> bytes:
        row = self._store.db.execute(_GET, (seq, content_hash)).fetchone()
        if row is None:
            raise BehaviourMissingError(f"behaviour {seq} ({content_hash[:12]}) isn't recorded in this log")
        return bytes(row[0])
