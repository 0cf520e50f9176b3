"""The real broker of a test run: the one at ``LEDGERLINE_TEST_KAFKA``; else one that is started for the run, in a
container where a Docker engine answers (``container_broker.py``), as a process where none does (``servers.kafka``).

Started once for all workers of a run, by whichever needs it first. It watches the run's first process and ends, with
all it holds, when that has ended, however it ended.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path

import docker
from aiokafka.admin import AIOKafkaAdminClient

from streams.kafka.brokers import Brokers
from streams.kafka.topics import Topics

ADDRESS = "LEDGERLINE_TEST_KAFKA"
START_TIMEOUT_S = 180.0  # the first time ever, the jars or the image are fetched
ROOT = Path(__file__).parents[2]
_RUN = f"test-{uuid.uuid4().hex[:12]}"  # a broker that was given outlives the run, and directories' names come again


def topics_for(directory: Path, partitions: int) -> Topics:
    """A log of its own for each directory of a test."""
    return Topics(partitions, f"{_RUN}-{hashlib.sha256(str(directory).encode()).hexdigest()[:12]}.")


async def remove_topics() -> None:
    """Takes this run's topics from the broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
    await admin.start()
    try:
        ours = [name for name in await admin.list_topics() if name.startswith(_RUN)]
        if ours:
            await admin.delete_topics(ours)
    finally:
        await admin.close()


@cache
def bootstrap() -> Brokers:
    """The run's broker, in plain text. No broker is a failure, never a skip."""
    given = os.environ.get(ADDRESS)
    return Brokers(given or _address_in(started_once("kafka", starter, f"{ADDRESS}=")[1]))


def started_once(name: str, command: Callable[[Path, int], list[str]], marker: str) -> tuple[Path, str]:
    """The directory of a server that is started for the run, and what it said when it had started: up to the line that has
    ``marker`` in it and what follows at once."""
    run_pid = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    directory = Path(tempfile.gettempdir()) / f"ledgerline-test-{name}-{run_pid}"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        announced = directory / "announced"
        if not announced.exists():
            announced.write_text(_start(directory, command(directory, run_pid), marker))
        return directory, announced.read_text()


def _address_in(said: str) -> str:
    return next(line.rpartition("=")[2] for line in said.splitlines() if f"{ADDRESS}=" in line)


def docker_answers() -> bool:
    try:
        return bool(docker.from_env().ping())
    except (docker.errors.DockerException, OSError):
        return False


def starter(directory: Path, run_pid: int) -> list[str]:
    """The command that starts a broker, says its address, and ends it when ``run_pid`` is gone."""
    program = (
        [str(Path(__file__).parent / "container_broker.py")]
        if docker_answers()
        else ["-m", "servers.kafka", "--port", "0", "--data", str(directory), "--throw-away"]
    )
    return [sys.executable, *program, "--while-pid", str(run_pid)]


def _start(directory: Path, command: list[str], marker: str) -> str:
    said = directory / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        if marker in (found := said.read_text()):
            return found
        time.sleep(0.05)
    raise AssertionError(f"no broker for the tests: {said.read_text()}")
