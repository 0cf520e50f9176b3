"""Our own log in the peers' table: embedded, on one broker, and on three with a copy on each."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel
from benchmarks.peers.peer import Peer, Way
from benchmarks.race_gateway import race_gateway
from benchmarks.race_log import HostedRace, LogRace, LogSide, effects
from benchmarks.race_side import Durability
from benchmarks.race_turns import passages
from benchmarks.temporary_log import temporary_log
from benchmarks.warm_brokers import warm_up
from console.kafka_workspace import kafka_workspace
from console.settings import Settings
from servers.kafka import KafkaCluster
from streams.kafka.url import KafkaUrl

_HOSTS = ("aiokafka", "faust")
_ALL_KEPT = "every fact and decision"


class Embedded(Peer):
    name = "ledgerline, embedded"

    def versions(self) -> str:
        return "SQLite, WAL"

    @asynccontextmanager
    async def serving(self, directory: Path) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def ways(self, model: LanguageModel, behaviour: Behaviour) -> AsyncIterator[Sequence[Way]]:
        make_effects = partial(effects, model, behaviour, passages(behaviour))
        with temporary_log() as workspace:
            yield (Way(LogSide(LogRace(workspace, behaviour, make_effects), self.name)),)


class OnKafka(Peer):
    """One broker, or three on this machine's cores. The worker runs in this process, the gateway's part in one of its own."""

    def __init__(self, brokers: int, hosts: Sequence[str] = _HOSTS) -> None:
        self.name = f"ledgerline, Kafka RF {brokers}"
        self._brokers, self._hosts = brokers, hosts
        self._cluster: KafkaCluster | None = None
        self._log = 0

    def versions(self) -> str:
        return f"Apache Kafka 4.1.0, aiokafka {version('aiokafka')}, faust-streaming {version('faust-streaming')}"

    @asynccontextmanager
    async def serving(self, directory: Path) -> AsyncIterator[None]:
        data = directory / "kafka"
        cluster = KafkaCluster(data, brokers=self._brokers, lasting=True)
        self._cluster = cluster
        try:
            cluster.start()
            await warm_up(cluster.bootstrap, self._brokers)
            yield
        finally:
            cluster.stop(at_once=True)

    @asynccontextmanager
    async def ways(self, model: LanguageModel, behaviour: Behaviour) -> AsyncIterator[Sequence[Way]]:
        """A log of its own for each host."""
        make_effects = partial(effects, model, behaviour, passages(behaviour))
        cluster = self._cluster
        assert cluster is not None, "serving comes first"
        pids = [pid for number in cluster.numbers if (pid := cluster.pid(number)) is not None]
        lost = "what no broker's system had written yet" if self._brokers == 1 else "nothing, unless all three at once"
        durable = Durability(_ALL_KEPT, "by the system, behind the acknowledgement", self._brokers, lost)
        async with AsyncExitStack() as held:
            ways = []
            for host in self._hosts:
                self._log += 1
                url = KafkaUrl(cluster.bootstrap, f"race{self._log}.", replication=self._brokers)
                data = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="ledgerline-bench-")))
                workspace = await held.enter_async_context(
                    kafka_workspace(url, Settings(data=data), create=True, warm=True)
                )
                gateway = await held.enter_async_context(race_gateway(url, data))
                race = HostedRace(workspace, behaviour, make_effects, host, gateway)
                ways.append(Way(LogSide(race, f"{self.name}, {host} host", durable, [*pids, gateway.pid])))
            yield ways
