"""The SQLite file of an embedded log: its tables, and how followers hear of commits, their own and other processes'."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from streams.sqlite_wal import connect_wal

# How soon a commit by another process is seen; our own wake followers at once. A look costs 40 us, nearly all of it for
# waking up, so it is taken often only while others commit: 200 looks a second were half of what a turn cost the owner.
POLL_S = 0.005
QUIET_POLL_S = 0.05
QUIET_AFTER_S = 30.0

_SCHEMA = """
create table if not exists inbox (
    partition integer not null, offset integer not null, event_id text not null unique,
    conversation_id text not null, type text not null, version integer not null, data blob not null,
    primary key (partition, offset)) strict, without rowid;
create table if not exists log (
    partition integer not null, offset integer not null, conversation_id text not null, type text not null,
    version integer not null, imported_under integer, data blob not null,
    primary key (partition, offset)) strict, without rowid;
create index if not exists log_by_conversation on log (conversation_id, partition, offset);
create table if not exists held (partition integer primary key, data blob not null) strict;
create table if not exists snapshot (conversation_id text primary key, data blob not null) strict;
create table if not exists dead_letter (
    topic text not null, partition integer not null, offset integer not null, data blob not null,
    primary key (topic, partition, offset)) strict, without rowid;
create table if not exists intake (
    partition integer not null, offset integer not null, key text not null unique, received_at_us integer not null,
    sealed blob not null, primary key (partition, offset)) strict, without rowid;
create table if not exists behaviour (
    seq integer primary key, hash text not null unique, recorded_at_us integer not null, content blob not null) strict;
create table if not exists knowledge (
    seq integer primary key, hash text not null unique, recorded_at_us integer not null, content blob not null) strict;
"""


class StoreUnreadableError(Exception):
    """The file is not ours, is damaged, or can't be opened. The message says what to do."""


class SqliteStore:
    """One connection. synchronous=NORMAL in WAL mode: a commit survives the death of every process."""

    def __init__(self, path: Path) -> None:
        """Raises ``StoreUnreadableError``."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = connect_wal(path, "normal")
            self.db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreadableError(f"{path} can't be used as a ledgerline log: {error}") from None
        self._waiting: set[asyncio.Event] = set()
        self._poller: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._poller:
            self._poller.cancel()
        self.db.close()

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yields at once, then whenever something may have been committed."""
        if self._poller is None or self._poller.done():
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            while True:
                yield
                await changed.wait()
                changed.clear()
        finally:
            self._waiting.discard(changed)
            if not self._waiting and self._poller:
                self._poller.cancel()
                self._poller = None

    def wake(self) -> None:
        for changed in self._waiting:
            changed.set()

    async def _poll(self) -> None:
        """``data_version`` moves when another connection committed."""
        seen: Any = None
        loop = asyncio.get_running_loop()
        quiet_at = 0.0
        while True:
            (version,) = self.db.execute("pragma data_version").fetchone()
            if version != seen:
                if seen is not None:  # the first look tells nothing of others
                    quiet_at = loop.time() + QUIET_AFTER_S
                seen = version
                self.wake()
            await asyncio.sleep(POLL_S if loop.time() < quiet_at else QUIET_POLL_S)
