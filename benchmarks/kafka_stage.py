"""One Kafka broker on this machine, with as many logs on it as a benchmark wants."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from agent_core.behaviour import Behaviour
from benchmarks.owner_process import OwnerProcess, owner_process
from benchmarks.race_behaviour import race_behaviour
from benchmarks.talking import Talk
from console.kafka_workspace import KafkaWorkspace, kafka_workspace
from console.settings import Settings
from servers.kafka import KafkaServer
from streams.kafka.url import KafkaUrl

_OPENED_AT_ONCE = 20


class Log(NamedTuple):
    """``workspace``: the gateways' side of it, in this process."""

    workspace: KafkaWorkspace
    behaviour: Behaviour
    behaviour_seq: int

    def worker(self) -> AbstractContextManager[OwnerProcess]:
        url = self.workspace.url
        return owner_process(url.bootstrap, url.prefix, self.workspace.directory)

    async def opened(self, call_id: str) -> Talk:
        """A call that was greeted and waits for the caller's words."""
        talk = Talk(self.workspace.stores, self.workspace.codec, call_id)
        await talk.open(self.behaviour_seq, self.behaviour.content_hash)
        return talk

    async def open_all(self, count: int) -> list[Talk]:
        talks: list[Talk] = []
        for first in range(0, count, _OPENED_AT_ONCE):
            names = [f"call-{number:04}" for number in range(first, min(first + _OPENED_AT_ONCE, count))]
            talks += await asyncio.gather(*map(self.opened, names))
        return talks


class Stage:
    def __init__(self, server: KafkaServer, directory: Path) -> None:
        self._bootstrap, self._directory, self._logs = server.bootstrap, directory, 0
        pid = server.pid(server.numbers[0])
        assert pid is not None, "it was started"
        self._broker = psutil.Process(pid)
        self._behaviour = race_behaviour()

    def broker_cpu_s(self) -> float:
        times = self._broker.cpu_times()
        return float(times.user + times.system)

    @asynccontextmanager
    async def log(self) -> AsyncIterator[Log]:
        """A new one."""
        self._logs += 1
        url, data = KafkaUrl(self._bootstrap, f"bench{self._logs}."), self._directory / str(self._logs)
        async with kafka_workspace(url, Settings(data=data), create=True) as workspace:
            yield Log(workspace, self._behaviour, workspace.record(self._behaviour))


@contextmanager
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as name:
        directory = Path(name)
        server = KafkaServer(directory / "kafka")
        try:
            server.start()
            yield Stage(server, directory)
        finally:
            server.stop(at_once=True)
