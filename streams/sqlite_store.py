"""The SQLite file of an embedded log: its tables, and how followers hear of commits, their own and other processes'."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import Any

from streams.doorbell import Doorbell
from streams.sqlite_checkpoint import Checkpoints
from streams.sqlite_wal import connect_wal

# How soon a commit by another process is seen that didn't ring (``streams.doorbell``); our own wake followers at once. A
# look costs 40 us, 200 in a process that rests in between, nearly all of it for waking up: it is taken often only while
# somebody commits unheard.
POLL_S = 0.005
QUIET_POLL_S = 0.05  # without a bell
BELL_POLL_S = 0.25  # with one
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
        self.path, self.checkpoints = path, Checkpoints(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = connect_wal(path, "normal")
            self.checkpoints.left_to_them(self.db)
            self.db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreadableError(f"{path} can't be used as a ledgerline log: {error}") from None
        self._waiting: dict[asyncio.Event, str | None] = {}  # → what it waits for
        self._poller: asyncio.Task[None] | None = None
        self._bell = Doorbell(path)
        self._seen: Any = None  # the version at the last look

    def close(self) -> None:
        if self._poller:
            self._poller.cancel()
        self._bell.close()
        self.checkpoints.close()
        self.db.close()

    async def changes(self, of: str | None = None) -> AsyncGenerator[None, None]:
        """Yields at once, then whenever something may have been committed. ``of``: what ``wake`` names, None: anything.

        With fifty calls a follower of one that looked at every commit would look fifty times for nothing.
        """
        if self._poller is None or self._poller.done():
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        changed = asyncio.Event()
        self._waiting[changed] = of
        try:
            while True:
                yield
                await changed.wait()
                changed.clear()
        finally:
            del self._waiting[changed]
            if not self._waiting and self._poller:
                self._poller.cancel()
                self._poller = None

    def wake(self, *touched: str) -> None:
        """After a commit of our own that touched these; none named: everything. Other processes look at everything."""
        self._wake_own(touched)
        self._bell.ring()

    def _wake_own(self, touched: Collection[str] = ()) -> None:
        for changed, of in self._waiting.items():
            if not touched or of is None or of in touched:
                changed.set()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        often_until = 0.0
        with self._bell.listening(self._rung) as has_bell:
            self._others_committed()  # whatever there was: the first look tells nothing of others
            quiet_s = BELL_POLL_S if has_bell else QUIET_POLL_S
            while True:
                await asyncio.sleep(POLL_S if loop.time() < often_until else quiet_s)
                if self._others_committed():
                    often_until = loop.time() + QUIET_AFTER_S

    def _rung(self) -> None:
        if self._poller and not self._poller.cancelling():
            self._others_committed()

    def _others_committed(self) -> bool:
        """Whether they did since the last look; wakes followers then."""
        version, seen = self._version(), self._seen
        if version == seen:
            return False
        self._seen = version
        self._wake_own()
        return True

    def _version(self) -> Any:
        """Moves when another connection committed."""
        (version,) = self.db.execute("pragma data_version").fetchone()
        return version
