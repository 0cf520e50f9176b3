"""The intake in the SQLite file of an embedded log."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from streams.intake import IntakeUnavailableError, Received, TakenIn, data_key_of, key_of, seal, source_and_id, unseal
from streams.keys import KeyStore
from streams.partitioner import partition_of
from streams.sqlite_store import SqliteStore

_PUT = """insert or ignore into intake
    select ?1, coalesce(max(offset), -1) + 1, ?2, ?3, ?4 from intake where partition = ?1"""
_FOLLOW = """select offset, key, received_at_us, sealed from intake
    where partition = ? and offset > ? order by offset limit ?"""
_BATCH = 100
INTAKE = "intake"  # what followers wait for


class SqliteIntake:
    """``sync``: brings what was committed to disk (``Ledger.sync``). A message is kept once, as it came first."""

    def __init__(
        self, store: SqliteStore, keys: KeyStore, sync: Callable[[], Awaitable[None]], partitions: int = 1
    ) -> None:
        self._store, self._keys, self._sync, self.partitions = store, keys, sync, partitions

    async def put(self, message: Received) -> None:
        key = key_of(message.source, message.id)
        sealed = await seal(message, self._keys)
        try:
            self._store.db.execute(_PUT, (partition_of(key, self.partitions), key, time.time_ns() // 1000, sealed))
            await self._sync()
        except (sqlite3.Error, OSError) as error:
            raise IntakeUnavailableError(f"the intake took nothing: {error}") from None
        self._store.wake(INTAKE)

    async def read(self) -> AsyncIterator[list[TakenIn]]:
        for partition in range(self.partitions):
            after = -1
            while taken := await self._behind(partition, after):
                yield taken
                after = taken[-1].offset

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[TakenIn]]:
        async for _ in self._store.changes(INTAKE):
            while taken := await self._behind(partition, after):
                yield taken
                after = taken[-1].offset

    async def _behind(self, partition: int, after: int) -> list[TakenIn]:
        rows = self._store.db.execute(_FOLLOW, (partition, after, _BATCH)).fetchall()
        await self._keys.prepare([data_key_of(key) for _, key, _, _ in rows])
        return [
            TakenIn(partition, offset, *source_and_id(key), at_us, await unseal(key, sealed, self._keys))
            for offset, key, at_us, sealed in rows
        ]
