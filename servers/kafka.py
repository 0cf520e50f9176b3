"""A real Apache Kafka broker on loopback: ``python -m servers.kafka``.

KRaft in combined mode (broker and controller in one process, no ZooKeeper), replication factor 1. It is for development
and tests: what an acknowledged append survives here is the death of the process, not that of the disk.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from types import FrameType

from servers.jars import JarsMissingError, class_path, java

# slf4j-simple: without a logging backend the broker says nothing at all.
COORDINATES = "org.apache.kafka:kafka_2.13:4.1.0+org.slf4j:slf4j-simple:1.7.36"
ROOT = Path(".ledgerline/servers")
HOST = "127.0.0.1"
USUAL_PORT = 9092
START_TIMEOUT_S = 60.0
_PORTS = range(20_000, 30_000)
STOP_TIMEOUT_S = 15.0
_STARTED = "Kafka Server started"
_JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts in 3 s, 340 MB
_PR_SET_PDEATHSIG = 1  # prctl(2)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
"""


class KafkaFailedError(Exception):
    """The broker didn't start. The message names its log."""


class KafkaServer:
    """One broker over ``directory``: its data, its configuration, its log (``kafka.log``) and its pid."""

    def __init__(self, directory: Path, *, jars: Path = ROOT / "jars", port: int | None = None) -> None:
        """``port``: a free one where it is None."""
        self._directory = directory.resolve()
        self._jars = jars
        self._any_port, self._answered = port is None, False
        self.bootstrap = f"{HOST}:{port or _free_port()}"
        self.log = self._directory / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when the broker answers. Raises ``KafkaFailedError``, ``JarsMissingError``."""
        try:
            self._start()
        except KafkaFailedError:
            if not self._any_port or self._answered:  # clients know it under this address
                raise
            self.bootstrap = f"{HOST}:{_free_port()}"  # somebody may have taken the port that was free
            self._start()
        self._answered = True

    def _start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        data, properties = self._directory / "data", self._directory / "server.properties"
        properties.write_text(
            _PROPERTIES.format(
                host=HOST, port=self.bootstrap.rpartition(":")[2], controller_port=_free_port(), data=data
            )
        )
        libraries = class_path(COORDINATES, self._jars)
        command = [str(java()), *_JAVA_OPTIONS, "-cp", libraries]
        if not (data / "meta.properties").exists():
            cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            tool = [*command, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
            formatted = subprocess.run(tool, capture_output=True, text=True, check=False)
            if formatted.returncode:
                said = (formatted.stderr or formatted.stdout).strip().splitlines()
                raise KafkaFailedError(f"the data directory can't be formatted: {said[-1] if said else 'unknown'}")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                start_new_session=True,  # Ctrl-C is ours to handle: the broker is asked to stop, then awaited
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._wait()

    def stop(self, *, at_once: bool = False) -> None:
        """Asks the broker to stop and waits; kills it where it doesn't, or ``at_once``."""
        process, self._process = self._process, None
        if process is None:
            return
        if at_once:
            process.kill()
            process.wait()
            return
        process.send_signal(signal.SIGCONT)  # a paused broker hears nothing
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if not self.running:
                raise KafkaFailedError(f"the broker ended while it started; its log: {self.log}")
            if _STARTED in self.log.read_text(errors="replace") and _listens(self.bootstrap):
                return
            time.sleep(0.05)
        self.stop()
        raise KafkaFailedError(f"the broker didn't answer within {START_TIMEOUT_S:.0f} s; its log: {self.log}")


def _die_with_parent() -> None:
    """In the child: the kernel ends the broker when the process that started it is gone, however that ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    """Below the range that the kernel gives to outgoing connections: one of those could take it before the broker does,
    or while the broker is down."""
    ports = random.sample(_PORTS, 100)
    return next(port for port in ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _listens(bootstrap: str) -> bool:
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> int:
    """One broker in the foreground. Exit code: 0 when it was told to stop, 1 when it failed."""
    parser = argparse.ArgumentParser(
        prog="python -m servers.kafka", description="A real Apache Kafka broker on loopback."
    )
    parser.add_argument("--data", type=Path, default=ROOT / "kafka", help="directory of its data and its log")
    parser.add_argument("--port", type=int, help=f"default: {USUAL_PORT} if it is free, else a free one; 0: a free one")
    parser.add_argument("--while-pid", type=int, help="stop when this process is gone")
    parser.add_argument("--throw-away", action="store_true", help="remove the directory when it stops")
    arguments = parser.parse_args()
    usual = USUAL_PORT if _is_free(USUAL_PORT) else None
    port = usual if arguments.port is None else arguments.port or None
    server = KafkaServer(arguments.data, port=port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_by_signal)
    try:
        _keep_out_of_git(ROOT)
        server.start()
        print(f"Kafka answers at {server.bootstrap} (log: {server.log})", flush=True)
        print(f"  export LEDGERLINE_TEST_KAFKA={server.bootstrap}", flush=True)
        return _stay(server, arguments.while_pid)
    except (KafkaFailedError, JarsMissingError) as error:
        print(f"ledgerline: {error}", file=sys.stderr)
        return 1
    finally:
        server.stop(at_once=arguments.throw_away)
        if arguments.throw_away:
            shutil.rmtree(arguments.data, ignore_errors=True)


def _stop_by_signal(number: int, frame: FrameType | None) -> None:
    """Ends the program by its ``finally``; what comes while it stops is no news."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise SystemExit(0)


def _stay(server: KafkaServer, while_pid: int | None) -> int:
    while server.running:
        if while_pid is not None and not _lives(while_pid):
            return 0
        time.sleep(0.2)
    raise KafkaFailedError(f"the broker ended; its log: {server.log}")


def _keep_out_of_git(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".gitignore").write_text("*\n")


if __name__ == "__main__":
    sys.exit(main())
