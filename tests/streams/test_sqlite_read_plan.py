"""What a read of one conversation costs must not grow with the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

from streams.codec import Body
from streams.ports import Entry
from streams.sqlite import SqliteLedger
from streams.sqlite_store import SqliteStore


def test_a_conversation_is_read_through_its_index_and_not_through_the_partition(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.db")
    ledger = SqliteLedger(store)
    statements: list[str] = []

    async def write_and_read() -> list[str]:
        for conversation_id in ("a", "", "b", "a"):
            await ledger.append(0, [Entry(conversation_id, Body("T", 1, b"x"))])
        store.db.set_trace_callback(statements.append)
        records = await ledger.read_conversation("a")
        store.db.set_trace_callback(None)
        return [record.conversation_id for record in records]

    assert asyncio.run(write_and_read()) == ["a", "", "a"]
    beginning, read = statements
    plan = [row[3] for row in store.db.execute(f"explain query plan {beginning}")]
    assert plan == ["SEARCH log USING PRIMARY KEY (partition=?)"], "the first of a key is one step"
    plan = [row[3] for row in store.db.execute(f"explain query plan {read}")]
    searches = [step for step in plan if "log" in step]
    assert searches
    assert all("log_by_conversation" in step for step in searches), plan
    assert not any("ORDER BY" in step for step in plan), "its records come in order and needn't be sorted"
    store.close()
