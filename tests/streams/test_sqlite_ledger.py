"""What the SQLite ledger promises beyond the conformance suite."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from streams.codec import Body
from streams.ports import AppendUnknownError, Entry, RecordsGoneError
from streams.sqlite import SqliteInbox, SqliteLedger
from streams.sqlite_store import SqliteStore
from tests.support import PATIENCE_S, run


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


def test_who_follows_a_call_looks_at_its_own_commits_and_at_those_of_no_call(tmp_path: Path) -> None:
    looks: list[str] = []

    async def followed() -> list[int]:
        store = SqliteStore(tmp_path / "ledger.db")
        ledger, inbox = SqliteLedger(store), SqliteInbox(store)
        seen: list[int] = []
        came = asyncio.Event()

        async def follow() -> None:
            async for records in ledger.follow_conversation("c", 0):
                seen.extend(record.offset for record in records)
                came.set()

        def note(sql: str) -> None:
            if "log_by_conversation" in sql:
                looks.append(sql)

        following = asyncio.create_task(follow())
        await ledger.append(0, [entry()])
        await asyncio.wait_for(came.wait(), PATIENCE_S)
        await asyncio.sleep(0.01)  # by then it has looked for more, and waits
        came.clear()
        store.db.set_trace_callback(note)
        for number in range(5):
            await ledger.append(0, [Entry("another", Body("CallEnded", 1, b"x"))])
            await inbox.put("another", f"e{number}", Body("CallEnded", 1, b"x"))
            await asyncio.sleep(0)
        assert looks == []
        await ledger.append(0, [Entry("", Body("OwnerTook", 1, b"x")), entry()])
        await asyncio.wait_for(came.wait(), PATIENCE_S)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        store.close()
        return seen

    assert run(followed()) == [0, 6, 7]


def test_a_log_whose_beginning_is_gone_is_refused_by_name_rather_than_read_as_a_shorter_one(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.db")
    ledger = SqliteLedger(store)

    async def scenario() -> None:
        await ledger.append(0, [entry() for _ in range(6)])
        store.db.execute("delete from log where offset < 4")
        for reading in (ledger.read(0, 0), ledger.read_conversation("c"), ledger.conversations()):
            with pytest.raises(RecordsGoneError, match="of partition 0, records 0 to 3 were deleted"):
                await reading
        assert [record.offset for record in await ledger.read(0, 4)] == [4, 5]
        assert [record.offset for record in await ledger.read_conversation("c", 4)] == [4, 5]

    run(scenario())
    store.close()
