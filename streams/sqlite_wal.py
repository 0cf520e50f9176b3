"""Opens a SQLite file in WAL mode, also while other processes open it for the first time."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

BUSY_TIMEOUT_S = 10.0
_RETRY_S = 0.02


def connect_wal(path: Path, synchronous: str) -> sqlite3.Connection:
    """``synchronous``: normal or full. Raises ``sqlite3.Error``.

    The switch to WAL needs the file for itself and doesn't wait for it (SQLite's busy handler isn't asked), so processes
    that start together on a new file try again. A file that may only be read (a backup, a disk that is written once, another
    user's) is opened to be read: what writes it fails by name.
    """
    if path.exists() and not _may_write(path):
        return _connect_to_read(path)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            database.execute("pragma journal_mode=wal")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                database.close()
                raise
            time.sleep(_RETRY_S)
    database.execute(f"pragma synchronous={synchronous}")
    return database


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Without a write-ahead log beside it the file is whole and nobody writes it; then nothing needs to be made beside it."""
    how = "mode=ro" if wal_of(path).exists() else "immutable=1"
    address = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)


def wal_is_emptied(db: sqlite3.Connection) -> bool:
    """Moves all of the write-ahead log into the file and cuts it to nothing; False while another process reads it, or moves
    it for longer than ``BUSY_TIMEOUT_S``.

    For a reader SQLite waits by itself. Another process's checkpoint is refused at once, whatever the timeout (its
    documentation of sqlite3_wal_checkpoint_v2), so it is tried again: a checkpoint is over soon.
    """
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        busy, _, _ = db.execute("pragma wal_checkpoint(truncate)").fetchone()
        if not busy or time.monotonic() > give_up_at:
            return not busy
        time.sleep(_RETRY_S)
