"""The behaviour stream: every version that was ever in force, by its own contiguous seq and content hash."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from streams.sqlite_store import SqliteStore


class BehaviourMissingError(LookupError):
    """A conversation pinned a behaviour, or a behaviour its knowledge, that isn't in this log."""


class BehaviourStream(Protocol):
    def record(self, content_hash: str, content: bytes) -> int:
        """The seq of this version; recorded if it is new."""
        ...

    def record_many(self, versions: Sequence[tuple[str, bytes]]) -> list[int]:
        """The seqs of these versions, (hash, content) each, in their order; those that are new are recorded."""
        ...

    def get(self, seq: int, content_hash: str) -> bytes:
        """Raises ``BehaviourMissingError``."""
        ...

    def close(self) -> None: ...


class SqliteBehaviours:
    """``kind``: ``behaviour`` or ``knowledge``, two streams of the same shape."""

    def __init__(self, store: SqliteStore, kind: str = "behaviour") -> None:
        self._store, self.kind = store, kind
        self._find = f"select seq from {kind} where hash = ?"
        self._add = f"insert or ignore into {kind} select coalesce(max(seq), 0) + 1, ?, ?, ? from {kind}"

    def record(self, content_hash: str, content: bytes) -> int:
        found = self._store.db.execute(self._find, (content_hash,)).fetchone()
        if found is None:
            self._store.db.execute(self._add, (content_hash, time.time_ns() // 1000, content))
            found = self._store.db.execute(self._find, (content_hash,)).fetchone()
        return int(found[0])

    def record_many(self, versions: Sequence[tuple[str, bytes]]) -> list[int]:
        return [self.record(content_hash, content) for content_hash, content in versions]

    def newest(self) -> tuple[int, str] | None:
        row = self._store.db.execute(f"select seq, hash from {self.kind} order by seq desc limit 1").fetchone()
        return (row[0], row[1]) if row else None

    def get(self, seq: int, content_hash: str) -> bytes:
        row = self._store.db.execute(
            f"select content from {self.kind} where seq = ? and hash = ?", (seq, content_hash)
        ).fetchone()
        if row is None:
            raise BehaviourMissingError(f"{self.kind} {seq} ({content_hash[:12]}) isn't recorded in this log")
        return bytes(row[0])

    def close(self) -> None:
        """The store is its opener's to close."""
