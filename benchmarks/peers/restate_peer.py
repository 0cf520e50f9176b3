"""Restate: the real server from its npm package, its handlers served by Hypercorn in this process, called over ingress."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import aiohttp
import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel
from benchmarks.peers.free_port import HOST, free_port
from benchmarks.peers.peer import Peer, Way
from benchmarks.peers.restate_handlers import MEDIA_TYPE, Hands, race_service
from benchmarks.peers.wire import encoded
from benchmarks.race_side import Decided, Durability, Side
from benchmarks.race_turns import RaceTurn
from benchmarks.report import CannotRunError
from servers.child import Child

_MODULES = Path(sys.prefix) / "restate" / "node_modules" / "@restatedev"
_UNBOUNDED = 2_147_483_647  # docs.restate.dev/develop/python/serving: streams, requests and idle time of a connection
_CONFIG = """\
node-name = "bench"
bind-ip = "{host}"
advertised-host = "{host}"
bind-port = {node_port}
listen-mode = "tcp"
base-dir = "{directory}"
disable-telemetry = true
log-filter = "warn"
log-disable-ansi-codes = true

[admin]
bind-port = {admin_port}
disable-web-ui = true

[ingress]
bind-port = {ingress_port}

[log-server]
rocksdb-disable-wal-fsync = {unsynced}
"""


class RestatePeer(Peer):
    """``synced=False``: acknowledged before the disk has it; durable is then what Kafka's is on one node."""

    def __init__(self, *, synced: bool = True) -> None:
        self.name = "Restate" if synced else "Restate (no sync of its log)"
        self._synced = synced
        self._hands = Hands()
        self._ingress = ""
        self._server: Child | None = None

    def versions(self) -> str:
        package = json.loads((binary().parents[1] / "package.json").read_text())
        return f"server {package['version']}, restate-sdk {version('restate-sdk')}"

    @asynccontextmanager
    async def serving(self, directory: Path) -> AsyncIterator[None]:
        server = Child("the Restate server", directory / "restate.log")
        node_port, admin_port, ingress_port = free_port(), free_port(), free_port()
        config = directory / "restate.toml"
        config.write_text(
            _CONFIG.format(
                host=HOST,
                directory=directory / "data",
                node_port=node_port,
                admin_port=admin_port,
                ingress_port=ingress_port,
                unsynced="false" if self._synced else "true",
            )
        )
        admin, self._ingress = f"http://{HOST}:{admin_port}", f"http://{HOST}:{ingress_port}"
        async with AsyncExitStack() as held:
            held.callback(server.stop)
            server.start([str(binary()), "--no-logo", "--config-file", str(config)])
            await asyncio.to_thread(server.wait, lambda: _healthy(f"{admin}/health"))
            handlers = await held.enter_async_context(_served(self._hands))
            await _register(admin, handlers)
            self._server = server
            yield
        self._server = None

    @asynccontextmanager
    async def ways(self, model: LanguageModel, behaviour: Behaviour) -> AsyncIterator[Sequence[Way]]:
        assert self._server is not None
        assert self._server.pid is not None
        self._hands.work_with(model, behaviour)
        synced = "before each acknowledgement" if self._synced else "behind it, when the system does"
        lost = "nothing" if self._synced else "what the system hadn't written; nothing to kill -9"
        async with aiohttp.ClientSession(self._ingress, connector=aiohttp.TCPConnector(limit=0)) as client:
            runs = Way(
                _ByIngress(
                    f"{self.name}, 17 runs",
                    "seventeen_runs",
                    Durability("every call", synced, 1, lost),
                    client,
                    self._server.pid,
                )
            )
            if not self._synced:
                yield (runs._replace(fewer=True),)
                return
            one = _ByIngress(
                f"{self.name}, one run", "one_run", Durability("one blob", synced, 1, lost), client, self._server.pid
            )
            yield (Way(one), runs)


class _ByIngress(Side):
    failures = (aiohttp.ClientResponseError,)

    def __init__(
        self, name: str, handler: str, durable: Durability, client: aiohttp.ClientSession, server: int
    ) -> None:
        self.name, self.durable = name, durable
        self._path, self._client, self._server = f"/Race/{handler}", client, server

    async def decide(self, turn: RaceTurn) -> Decided:
        headers = {"content-type": MEDIA_TYPE}
        async with self._client.post(self._path, data=encoded(turn), headers=headers, raise_for_status=True) as answer:
            return Decided((await answer.read()).decode(), time.perf_counter())

    def servers(self) -> Sequence[int]:
        return (self._server,)


@asynccontextmanager
async def _served(hands: Hands) -> AsyncIterator[str]:
    """Handlers in this process; yields where they are found."""
    address = f"{HOST}:{free_port()}"
    config = Config()
    config.bind = [address]
    config.h2_max_concurrent_streams = config.keep_alive_max_requests = config.keep_alive_timeout = _UNBOUNDED
    config.loglevel = "ERROR"
    over = asyncio.Event()
    app = restate.app([race_service(hands)], protocol="bidi")
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=over.wait, mode="asgi"))
    try:
        yield f"http://{address}"
    finally:
        over.set()
        await serving


async def _register(admin: str, handlers: str) -> None:
    """Raises ``aiohttp.ClientResponseError`` where the server doesn't find or understand the handlers."""
    async with aiohttp.ClientSession(raise_for_status=True) as client:
        await client.post(f"{admin}/deployments", json={"uri": handlers})


def _healthy(url: str) -> bool:
    try:
        with urlopen(url) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError):
        return False


def binary() -> Path:
    """The server for this kind of machine: the package of npm that was installed. Raises ``CannotRunError``."""
    found = sorted(_MODULES.glob("restate-server-*/bin/restate-server"))
    if not found:
        raise CannotRunError(f"no Restate server under {_MODULES}: make bench-peers installs it")
    return found[0]
