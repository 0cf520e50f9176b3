"""Which adapters pass the conformance suite. Another one joins by an entry in ``ADAPTERS``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support import run

from streams.owner import Stores
from streams.sqlite import SqliteDeadLetters, SqliteInbox, SqliteLedger, SqliteStateStore
from streams.sqlite_store import SqliteStore


class Adapter(NamedTuple):
    """``open(directory, partitions)``: opened again in the same directory, it finds what was acknowledged there.
    ``run``: runs a coroutine on the loop that the adapter needs, and fails on leaked tasks."""

    name: str
    open: Callable[[Path, int], AbstractAsyncContextManager[Stores]]
    run: Callable[[Coroutine[Any, Any, None]], None] = run


@asynccontextmanager
async def _sqlite(directory: Path, partitions: int) -> AsyncIterator[Stores]:
    store = SqliteStore(directory / "log.db")
    try:
        yield Stores(
            SqliteInbox(store, partitions),
            SqliteLedger(store, partitions),
            SqliteStateStore(store),
            SqliteDeadLetters(store),
        )
    finally:
        store.close()


ADAPTERS = (Adapter("sqlite", _sqlite),)
