"""Who listens where in a Kafka cluster on loopback, and each node's configuration. Pure.

Every node is broker and controller (KRaft in combined mode, no ZooKeeper). In a cluster whose nodes can be cut off,
everything that goes to a node goes through a cut line (``servers.cut_line``), which listens on the node's port at an
address of its own for each who calls:

    caller          calls node 2 at        which leads to
    clients         127.77.0.2             127.0.0.1
    node 1          127.77.1.2             127.0.0.1
    node 3          127.77.3.2             127.0.0.1

Nodes know each other by name, and each has a hosts file of its own. So a line is known by both its ends, and a node
can be cut off with all that it says and all that it hears.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from servers.cut_line import Line
from servers.kafka_security import KafkaSecurity
from servers.ports import HOST, free_ports

CLIENTS = 0  # stands for them as the end of a line
_MOST_REPLICAS = 3

# A node that is gone is replaced as leader after the session's time-out, stock 9 s. Where it also was the active controller,
# another has to be elected first, which only then begins to count: stock 2 s and up to 1 s more. Sizes and threads: what a
# laptop has for three of them.
# With the stock 3 and 8 threads each request wakes others than the last one did: a fifth more CPU.
_NODE = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=CLIENTS:{clients_speak},CERTIFIED:SSL,BROKERS:PLAINTEXT,CONTROLLERS:PLAINTEXT
controller.listener.names=CONTROLLERS
controller.quorum.fetch.timeout.ms=1000
controller.quorum.election.timeout.ms=500
inter.broker.listener.name={between_brokers}
log.dirs={data}
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=16777216
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions={brokers}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms={session_timeout_ms}
broker.heartbeat.interval.ms={heartbeat_ms}
replica.lag.time.max.ms={session_timeout_ms}
"""


class Ports(NamedTuple):
    """Of one node. ``brokers`` is used where nodes can be cut off or clients have to log in; else brokers call as clients do.
    ``certified``: for clients with a certificate, where there are such."""

    clients: int
    brokers: int
    controllers: int
    certified: int = 0


class Layout(NamedTuple):
    ports: tuple[Ports, ...]  # of node 1, 2, …
    cuttable: bool
    session_timeout_ms: int
    security: KafkaSecurity | None = None  # None: clients call in plain text

    @property
    def numbers(self) -> range:
        return range(1, len(self.ports) + 1)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{self._host_for_clients(n)}:{self.ports[n - 1].clients}" for n in self.numbers)

    @property
    def certified(self) -> str:
        """As ``bootstrap``, for clients with a certificate."""
        return ",".join(f"{self._host_for_clients(n)}:{self.ports[n - 1].certified}" for n in self.numbers)

    def properties(self, number: int, data: Path) -> str:
        ports, brokers = self.ports[number - 1], len(self.ports)
        listeners = [f"CLIENTS://{HOST}:{ports.clients}", f"CONTROLLERS://{HOST}:{ports.controllers}"]
        advertised = [f"CLIENTS://{self._host_for_clients(number)}:{ports.clients}"]
        if self._brokers_apart:
            listeners.append(f"BROKERS://{HOST}:{ports.brokers}")
            advertised.append(f"BROKERS://{self._host_for_nodes(number)}:{ports.brokers}")
        if self.security:
            listeners.append(f"CERTIFIED://{HOST}:{ports.certified}")
            advertised.append(f"CERTIFIED://{HOST}:{ports.certified}")
        replicas = min(_MOST_REPLICAS, brokers)
        node = _NODE.format(
            number=number,
            clients_speak="SASL_SSL" if self.security else "PLAINTEXT",
            voters=",".join(f"{n}@{self._host_for_nodes(n)}:{self.ports[n - 1].controllers}" for n in self.numbers),
            listeners=",".join(listeners),
            advertised=",".join(advertised),
            between_brokers="BROKERS" if self._brokers_apart else "CLIENTS",
            data=data,
            replicas=replicas,
            in_sync=max(1, replicas - 1),
            brokers=brokers,
            session_timeout_ms=self.session_timeout_ms,
            heartbeat_ms=max(100, self.session_timeout_ms // 5),
        )
        return node + (self.security.properties() if self.security else "")

    def hosts(self, number: int) -> str:
        """The hosts file of a node, the only one that its Java machine reads."""
        others = (f"{_address(number, n)} {_name(n)}" for n in self.numbers if n != number)
        return "\n".join([f"{HOST} localhost {_name(number)} {socket.gethostname()}", *others, ""])

    def lines(self) -> Iterator[Line]:
        """None where nothing can be cut."""
        if not self.cuttable:
            return
        for node, ports in zip(self.numbers, self.ports, strict=True):
            yield Line(_address(CLIENTS, node), ports.clients, (CLIENTS, node))
            for caller in self.numbers:
                if caller != node:
                    yield Line(_address(caller, node), ports.brokers, (caller, node))
                    yield Line(_address(caller, node), ports.controllers, (caller, node))

    @property
    def _brokers_apart(self) -> bool:
        return self.cuttable or self.security is not None

    def _host_for_clients(self, number: int) -> str:
        return _address(CLIENTS, number) if self.cuttable else HOST

    def _host_for_nodes(self, number: int) -> str:
        return _name(number) if self.cuttable else HOST


def laid_out(
    brokers: int,
    *,
    clients_ports: tuple[int, ...] = (),
    cuttable: bool = False,
    session_timeout_ms: int,
    security: KafkaSecurity | None = None,
) -> Layout:
    """On free ports. ``clients_ports``: those that clients call, of node 1, 2, …; free ones where there is none."""
    others = iter(free_ports(4 * brokers))
    clients = (*clients_ports, *(next(others) for _ in range(brokers - len(clients_ports))))
    ports = tuple(Ports(port, next(others), next(others), next(others)) for port in clients)
    return Layout(ports, cuttable, session_timeout_ms, security)


def _name(number: int) -> str:
    return f"node-{number}"


def _address(caller: int, number: int) -> str:
    """All of 127/8 is loopback on Linux; other systems have to be told."""
    return f"127.77.{caller}.{number}"
