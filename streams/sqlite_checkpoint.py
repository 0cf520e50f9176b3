"""Moves the write-ahead log of an embedded log into its file, on a thread of its own.

Left to itself SQLite does so within a commit: on the event loop that carries the calls, which then stands still for as long as
the disk takes for some megabytes. Here the connection that writes leaves it to this thread, which works while the other goes on.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from streams.sqlite_wal import connect_wal, wal_of

_LOG = logging.getLogger(__name__)

CHECKPOINT_BYTES = 4 << 20
# A thread that is overtaken by commits each time moves everything but the newest pages. From here on the writer moves those
# itself, so that a write-ahead log ends even where nobody syncs, or where commits never pause.
_LAST_RESORT_BYTES = 64 << 20
_ROUNDS = 8  # each moves what was committed during the one before it


class Checkpoints:
    """Of the file at ``path``. Its writer begins them, from one thread, and closes them before its connection."""

    def __init__(self, path: Path) -> None:
        self._path, self._thread = path, threading.Thread()
        self._told = False

    def left_to_them(self, writer: sqlite3.Connection) -> None:
        """From here on ``writer`` moves nothing by itself, but as a last resort. What it begins anew it cuts to a length by
        which one sees that it grew: without that, the file of a write-ahead log stays as long as it ever was."""
        (page_bytes,) = writer.execute("pragma page_size").fetchone()
        writer.execute(f"pragma wal_autocheckpoint={_LAST_RESORT_BYTES // page_bytes}")
        writer.execute(f"pragma journal_size_limit={CHECKPOINT_BYTES}")

    def begin_if_due(self) -> None:
        """Looks at a length, and returns at once."""
        try:
            wal_bytes = wal_of(self._path).stat().st_size
        except FileNotFoundError:  # everything stands in the file
            wal_bytes = 0
        if wal_bytes <= CHECKPOINT_BYTES:
            self._told = False
            return
        if wal_bytes > _LAST_RESORT_BYTES and not self._told:
            self._told = True
            _LOG.warning(
                "the write-ahead log of %s holds %d MB: a process reads it without an end, or the disk is slow",
                self._path,
                wal_bytes >> 20,
            )
        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._move, name="checkpoint")
            self._thread.start()

    def close(self) -> None:
        """Waits for the one that is under way."""
        if self._thread.is_alive():
            self._thread.join()

    def _move(self) -> None:
        """Passive: neither waits for who writes or reads, nor do they for it. What a reader still needs is left for the next."""
        try:
            with closing(connect_wal(self._path, "normal")) as database:
                known = None
                for _ in range(_ROUNDS):
                    _, frames, _ = database.execute("pragma wal_checkpoint(passive)").fetchone()
                    if frames == known:
                        break
                    known = frames
        except sqlite3.Error as error:  # a full disk stops the writer too, which then says so by name
            _LOG.warning("the write-ahead log of %s stays as it is: %s", self._path, error)
