"""Real Apache Kafka on loopback, one broker or several: ``python -m servers.kafka [--brokers 3]``.

For development and tests: what an acknowledged append survives here is the death of a process, and of one of three
brokers, not that of the disk.
"""

from __future__ import annotations

import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servers import foreground
from servers.child import StartFailedError
from servers.cut_line import CutLines, LinesFailedError
from servers.foreground import ROOT
from servers.kafka_layout import Layout, laid_out
from servers.kafka_node import KafkaNode
from servers.kafka_security import KafkaSecurity
from servers.revival import BACK_AFTER_S, Revival

USUAL_PORT = 9092
SESSION_TIMEOUT_MS = 4_000  # a broker that is silent so long has lost its partitions; stock brokers: 9,000
_HEAP_MB, _HEAP_OF_SEVERAL_MB = 512, 256


class KafkaCluster:
    """Nodes 1 to ``brokers`` over ``directory``. With three: replication factor 3, ``min.insync.replicas`` 2.

    ``cuttable``: nodes can be cut off from everybody else (on Linux; costs a relay's hop for all traffic).
    ``port``: node 1's; those of the others follow it. Free ones where it is None.
    ``secured``: clients log in over TLS (``servers.kafka_security``).
    ``lasting``: brokers as they are where they run for days, their code compiled as well as it can be; for the first
    minutes that costs more than it saves.
    """

    def __init__(
        self,
        directory: Path,
        *,
        brokers: int = 3,
        jars: Path = ROOT / "jars",
        port: int | None = None,
        cuttable: bool = False,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        lasting: bool = False,
        secured: bool = False,
    ) -> None:
        self._directory = directory.resolve()
        self.security = KafkaSecurity(self._directory / "security") if secured else None
        self._given = tuple(range(port, port + brokers)) if port else ()
        self._lay_out: Callable[[], Layout] = lambda: laid_out(
            brokers,
            clients_ports=self._given,
            cuttable=cuttable,
            session_timeout_ms=session_timeout_ms,
            security=self.security,
        )
        self._layout, self._answered = self._lay_out(), False
        self._lines: CutLines | None = None
        heap_mb = _HEAP_MB if brokers == 1 else _HEAP_OF_SEVERAL_MB
        self._nodes = {
            n: KafkaNode(n, self._place(n, brokers), jars, heap_mb=heap_mb, lasting=lasting)
            for n in self._layout.numbers
        }

    @property
    def bootstrap(self) -> str:
        return self._layout.bootstrap

    @property
    def certified(self) -> str:
        """As ``bootstrap``, for clients that show a certificate, where they are ``secured``."""
        return self._layout.certified

    @property
    def numbers(self) -> Sequence[int]:
        return self._layout.numbers

    @property
    def running(self) -> bool:
        """Of any node: the others may be started again."""
        return any(node.running for node in self._nodes.values())

    @property
    def logs(self) -> str:
        return ", ".join(str(node.log) for node in self._nodes.values())

    def pid(self, number: int) -> int | None:
        """None while this node is down."""
        return self._nodes[number].pid

    def start(self) -> None:
        """Returns when every node answers. Raises ``StartFailedError``, ``JarsMissingError``."""
        try:
            self._start()
        except StartFailedError:
            self.stop(at_once=True)
            if self._given or self._answered:  # clients know these ports
                raise
            self._layout = self._lay_out()  # somebody may have taken a port that was free
            self._start()
        self._answered = True

    def stop(self, *, at_once: bool = False) -> None:
        """``at_once``: kills all nodes; else each is asked and awaited."""
        for node in self._nodes.values():
            if not at_once:
                node.ask_to_stop()  # all of them, before any is awaited: the last alone has no controllers to hand over to
        for node in self._nodes.values():
            (node.kill if at_once else node.stop)()
        if self._lines:
            self._lines.stop()
            self._lines = None

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self._nodes[number].kill()

    def log(self, number: int) -> Path:
        return self._nodes[number].log

    def launch_node(self, number: int) -> None:
        """Over its data, on its ports. Returns at once."""
        self._nodes[number].launch()

    def start_node(self, number: int) -> None:
        """As ``launch_node``, but returns when it answers. Raises ``StartFailedError``."""
        self.launch_node(number)
        self._nodes[number].wait_until_it_answers()

    def pause(self, number: int) -> None:
        """SIGSTOP."""
        self._nodes[number].pause()

    def resume(self, number: int) -> None:
        self._nodes[number].resume()

    def cut(self, number: int) -> None:
        """Cuts a node off from clients and from the other nodes, both ways, until it is mended."""
        self._cut_lines.cut(number)

    def part(self, number: int) -> None:
        """Cuts a node off from the other nodes alone: it believes that it leads what it led, and clients still reach it."""
        for other in self.numbers:
            if other != number:
                self._cut_lines.part(number, other)

    def mend(self, number: int) -> None:
        self._cut_lines.mend(number)

    @property
    def _cut_lines(self) -> CutLines:
        if self._lines is None:
            raise RuntimeError("no node of this cluster can be cut off: it isn't cuttable, or doesn't run")
        return self._lines

    def _start(self) -> None:
        nodes, cluster_id = list(self._nodes.values()), _cluster_id(self._directory)
        if self.security:
            self.security.make()
        if lines := list(self._layout.lines()):
            self._lines = CutLines(lines)
            try:
                self._lines.start()
            except LinesFailedError as error:
                raise StartFailedError(f"nodes can't be made to be cut off: {error}") from None
        nodes[0].prepare(self._layout, cluster_id)  # first alone: it may have to fetch the jars
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda node: node.prepare(self._layout, cluster_id), nodes[1:]))
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_until_it_answers()

    def _place(self, number: int, brokers: int) -> Path:
        return self._directory if brokers == 1 else self._directory / f"node-{number}"


class KafkaServer(KafkaCluster):
    """One broker over ``directory``: replication factor 1."""

    def __init__(
        self, directory: Path, *, jars: Path = ROOT / "jars", port: int | None = None, secured: bool = False
    ) -> None:
        super().__init__(directory, brokers=1, jars=jars, port=port, secured=secured)


def _cluster_id(directory: Path) -> str:
    """One for all nodes, made with the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    known = directory / "cluster.id"
    if not known.exists():
        known.write_text(new_cluster_id())
    return known.read_text()


def new_cluster_id() -> str:
    """Drawn again where it begins with a dash, as Kafka's own does: its tools would take it for an option."""
    drawn = "-"
    while drawn.startswith("-"):
        drawn = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return drawn


def main() -> int:
    """Brokers in the foreground. Exit code: 0 when told to stop, 1 when they failed."""
    parser = foreground.arguments(
        "servers.kafka", "Real Apache Kafka brokers on loopback.", directory="kafka", usual_port=USUAL_PORT
    )
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3), help="3: replication factor 3")
    parser.add_argument("--secured", action="store_true", help="clients log in over TLS; brokers know who may do what")
    told = parser.parse_args()
    if told.secured and told.data == parser.get_default("data"):
        told.data = ROOT / "kafka-secured"
    if told.brokers > 1 and told.data == parser.get_default("data"):
        told.data = ROOT / f"kafka{told.brokers}"
    port = foreground.port_of(parser, told, USUAL_PORT)
    cluster = KafkaCluster(told.data, brokers=told.brokers, port=port, secured=told.secured)
    return foreground.run(cluster, told, lambda: _announcement(cluster), Revival(cluster).look_after)


def _announcement(cluster: KafkaCluster) -> str:
    several = "?replication=3" if len(cluster.numbers) > 1 else ""
    return "\n".join(
        [
            f"Kafka answers at {cluster.bootstrap} (log: {cluster.logs})",
            f"  export LEDGERLINE_LOG__URL='kafka://{cluster.bootstrap}{several}'",
            *(_secured(cluster) if cluster.security else [f"  export LEDGERLINE_TEST_KAFKA={cluster.bootstrap}"]),
            *(_processes(cluster) if len(cluster.numbers) > 1 else ()),
        ]
    )


def _processes(cluster: KafkaCluster) -> Iterator[str]:
    """By which one of several can be lost."""
    pids = ", ".join(f"{number}: {cluster.pid(number)}" for number in cluster.numbers)
    yield f"Brokers, by process: {pids}. One that is killed (kill -9) is started again after {BACK_AFTER_S:.0f} s"


def _secured(cluster: KafkaCluster) -> Iterator[str]:
    assert cluster.security
    for name, value in cluster.security.settings().items():
        yield f"  export LEDGERLINE_LOG__{name}={value}"
    files = cluster.security.certificates
    yield f"or with a certificate ({files.client}, {files.client_key}; SECURITY_PROTOCOL=SSL) at {cluster.certified}"


if __name__ == "__main__":
    sys.exit(main())
