"""What a host adds: a fact put, to its decision read by the conversation's tail, with either host of the same owners.

One broker on this machine, 8 partitions, RF 1. The worker is a process of its own, with a mind that costs nothing
(``benchmarks.hosts_worker``); facts are put and tails are read by this process. Hosts take turns, round after round, so
that what else the machine does meets both.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.figures import spread
from benchmarks.loop import run_async
from benchmarks.report import SPREAD_COLUMNS, Report, Table, spread_cells
from console.kafka_workspace import KafkaWorkspace, kafka_workspace
from console.settings import Settings
from schemas.base import Kind
from schemas.facts import KeyPressed
from servers.kafka import KafkaServer
from streams.fact_writer import FactWriter, fact_event
from streams.kafka.url import KafkaUrl
from streams.partitioner import partition_of
from streams.tail import ConversationTail

HOSTS = ("aiokafka", "faust")
CONVERSATIONS_EACH = 2  # of each partition
_WARM = 100
_STOP_S = 20.0
_ANSWER_S = 30.0
_CHANCE = random.Random(1)


class Load(NamedTuple):
    name: str
    rate: int  # facts a second
    seconds: int


class Run(NamedTuple):
    """One round of one load. ``cpu_s``: of the worker, all its threads."""

    taken_ms: list[float]
    cpu_s: float


def run(*, quick: bool) -> Report:
    loads = (Load("idle, 25 facts/s", 25, 2 if quick else 20), Load("500 facts/s", 500, 1 if quick else 20))
    return run_async(_run(loads, rounds=1 if quick else 3))


async def _run(loads: tuple[Load, ...], rounds: int) -> Report:
    found: dict[tuple[Load, str], list[Run]] = {(load, host): [] for load in loads for host in HOSTS}
    with _broker() as bootstrap:
        for number in range(rounds):
            for host in HOSTS:
                async with _stage(bootstrap, host, f"r{number}-{host}.") as stage:
                    for load in loads:
                        found[load, host].append(await stage.run(load))
    rows = [(load.name, host, *_cells(runs)) for (load, host), runs in found.items()]
    notes = (
        f"hosts take turns, {rounds} rounds of each; latencies of all rounds together, and the p99 of each",
        "from the moment that a fact is due to the moment that its tail gives the decision; facts are due at random moments",
        "CPU: of the worker's process while the load lasts, what an idle worker spends is in it",
    )
    columns = ("load", "host", *SPREAD_COLUMNS, "p99 by round", "CPU a fact, µs")
    return Report("hosts", [Table("Fact put to decision read, ms", columns, rows, notes)])


def _cells(runs: list[Run]) -> tuple[str | float | int | None, ...]:
    taken_ms = [each for one in runs for each in one.taken_ms]
    tails = (spread(one.taken_ms).p99 for one in runs)
    by_round = " / ".join("null" if p99 is None else f"{p99:.1f}" for p99 in tails)
    return (*spread_cells(spread(taken_ms)), by_round, sum(one.cpu_s for one in runs) / len(taken_ms) * 1e6)


@contextmanager
def _broker() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as directory:
        server = KafkaServer(Path(directory) / "kafka")
        try:
            server.start()
            yield server.bootstrap
        finally:
            server.stop(at_once=True)


@asynccontextmanager
async def _stage(bootstrap: str, host: str, prefix: str) -> AsyncIterator[_Stage]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as directory:
        data, url = Path(directory), KafkaUrl(bootstrap, prefix)
        async with kafka_workspace(url, Settings(data=data), create=True) as workspace:
            with _worker(host, url, data) as process:
                stage = _Stage(workspace, process)
                async with stage.reading():
                    await stage.run(Load("warm", 100, _WARM // 100))
                    yield stage


@contextmanager
def _worker(host: str, url: KafkaUrl, data: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "benchmarks.hosts_worker", host, url.bootstrap, url.prefix, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "owns\n":
                raise RuntimeError(f"the worker of {host} ended with {process.wait(_STOP_S)}")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(_STOP_S)


class _Stage:
    """Puts facts and reads what was decided on them."""

    def __init__(self, workspace: KafkaWorkspace, worker: psutil.Process) -> None:
        self._workspace, self._worker = workspace, worker
        self._writer = FactWriter(workspace.stores.inbox, workspace.codec)
        self._calls = _conversations(workspace.stores.ledger.partitions)
        self._decided: dict[str, asyncio.Future[float]] = {}

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        tails = [ConversationTail(self._workspace.stores.ledger, self._workspace.codec, call) for call in self._calls]
        for tail in tails:
            await tail.begin()
        reading = [asyncio.create_task(self._read(tail)) for tail in tails]
        try:
            yield
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def run(self, load: Load) -> Run:
        began, cpu_s = time.perf_counter(), self._cpu_s()
        due = sorted(began + _CHANCE.uniform(0, load.seconds) for _ in range(load.rate * load.seconds))
        asked = []
        for number, at in enumerate(due):
            await asyncio.sleep(at - time.perf_counter())
            asked.append(asyncio.create_task(self._ask(self._calls[number % len(self._calls)], at)))
        taken_ms = await asyncio.gather(*asked)
        return Run(taken_ms, self._cpu_s() - cpu_s)

    async def _ask(self, call: str, due: float) -> float:
        fact = fact_event(call, KeyPressed(key="1"))
        decided: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._decided[fact.event_id] = decided
        await self._writer.put(fact)
        async with asyncio.timeout(_ANSWER_S):
            return (await decided - due) * 1000

    async def _read(self, tail: ConversationTail) -> None:
        async for event in tail.events():
            if event.kind is Kind.DECISION:
                self._decided.pop(event.causation_id).set_result(time.perf_counter())

    def _cpu_s(self) -> float:
        times = self._worker.cpu_times()
        return float(times.user + times.system)


def _conversations(partitions: int) -> list[str]:
    """So many of each partition."""
    found: dict[int, list[str]] = {partition: [] for partition in range(partitions)}
    number = 0
    while any(len(calls) < CONVERSATIONS_EACH for calls in found.values()):
        call = f"call-{number}"
        calls = found[partition_of(call, partitions)]
        if len(calls) < CONVERSATIONS_EACH:
            calls.append(call)
        number += 1
    return [call for calls in found.values() for call in calls]
