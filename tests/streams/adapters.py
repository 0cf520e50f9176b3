"""Which adapters pass the conformance suite. Another one joins by an entry in ``ADAPTERS``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from broker import bootstrap, topics_for
from support import run

from simulation.durable import Durable
from simulation.faults import Faults
from simulation.inbox import SimInbox
from simulation.ledger import Latencies, SimLedger
from simulation.process import Process
from simulation.side_stores import SimDeadLetters, SimSnapshots, SimStates
from simulation.virtual_loop import run_virtual
from streams.kafka.log import opened
from streams.owner import Stores
from streams.sqlite import SqliteDeadLetters, SqliteInbox, SqliteLedger, SqliteSnapshots, SqliteStateStore
from streams.sqlite_store import SqliteStore


class Adapter(NamedTuple):
    """``open(directory, partitions)``: opened again in the same directory, it finds what was acknowledged there.
    ``run``: runs a coroutine on the loop that the adapter needs, and fails on leaked tasks."""

    name: str
    open: Callable[[Path, int], AbstractAsyncContextManager[Stores]]
    run: Callable[[Coroutine[Any, Any, None]], None] = run
    many_partitions: bool = True


@asynccontextmanager
async def _sqlite(directory: Path, partitions: int) -> AsyncIterator[Stores]:
    store = SqliteStore(directory / "log.db")
    try:
        yield Stores(
            SqliteInbox(store, partitions),
            SqliteLedger(store, partitions),
            SqliteStateStore(store),
            SqliteDeadLetters(store),
            SqliteSnapshots(store),
        )
    finally:
        store.close()


_DURABLE: dict[Path, Durable] = {}  # what a simulated process finds when it starts again


@asynccontextmanager
async def _simulated(directory: Path, partitions: int) -> AsyncIterator[Stores]:
    """The simulation's in-memory adapters in good weather: no fault is in play."""
    durable = _DURABLE.setdefault(directory, Durable())
    process, latencies = Process("tested", lambda *_: None), Latencies()
    faults = Faults(1, frozenset(), mixed=False, horizon_s=60.0)
    yield Stores(
        SimInbox(durable, process, faults, latencies),
        SimLedger(durable, process, faults, latencies),
        SimStates(durable, process, faults),
        SimDeadLetters(durable, process, faults),
        SimSnapshots(durable, process, faults),
    )


@asynccontextmanager
async def _kafka(directory: Path, partitions: int) -> AsyncIterator[Stores]:
    async with opened(bootstrap(), topics_for(directory, partitions), local=directory / "local.db") as stores:
        yield stores


ADAPTERS = (
    Adapter("sqlite", _sqlite),
    Adapter("simulation", _simulated, run_virtual, many_partitions=False),
    Adapter("kafka", _kafka),
)
