"""What the SQLite ledger promises beyond the conformance suite."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from streams.codec import Body
from streams.ports import AppendUnknownError, Entry
from streams.sqlite import SqliteLedger
from streams.sqlite_store import SqliteStore
from tests.support import run


def entry(type_name: str = "CallEnded") -> Entry:
    return Entry("c", Body(type_name, 1, b"x"))


class FailsOnce:
    """A connection whose next transaction fails, as on a full disk."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db, self.fails = db, True

    def execute(self, sql: str, *arguments: Any) -> Any:
        if self.fails and sql == "commit":
            self.fails = False
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(sql, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def test_after_a_failed_append_nothing_lands_until_an_owner_announces_itself(tmp_path: Path) -> None:
    async def appends() -> None:
        store = SqliteStore(tmp_path / "ledger.db")
        ledger = SqliteLedger(store)
        await ledger.append(0, [entry()])
        store.db = FailsOnce(store.db)  # type: ignore[assignment]
        failing = ledger.append(0, [entry()])
        with pytest.raises(AppendUnknownError, match="full"):
            await failing
        with pytest.raises(AppendUnknownError, match="before this one"):
            await ledger.append(0, [entry()])
        assert await ledger.end(0) == 1
        await ledger.append(0, [entry("OwnerTook")])
        assert (await ledger.append(0, [entry()])).last == 2
        store.close()

    run(appends())
