"""Faults on real brokers and real workers, at the ear: at least twenty callers wait for an answer when each strikes."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults_calls import Ended, Turn
from benchmarks.faults_reader import built, read_by_others
from benchmarks.faults_scenarios import (
    Struck,
    come_and_go,
    delivered_twice,
    fill_the_disk,
    kill_an_owner,
    lose_a_leader,
    lose_the_brokers,
    lose_the_registry,
    poison,
    stop_an_owner,
)
from benchmarks.faults_stage import CALLS, PARTITIONS, Stage, staged
from benchmarks.figures import percentile
from benchmarks.report import Cell, Report, Table
from servers.kafka import KafkaCluster, KafkaServer
from servers.registry import RegistryServer

_COLUMNS = (
    *("fault", "turns"),
    *("silence p50", "p95", "max"),
    *("answer p50", "p95", "max"),
    *("answered", "closing line", "replies a turn"),
    "lost / doubled / out of order",
)


class _Size(NamedTuple):
    """How often each fault strikes, and for how long all brokers are away."""

    strikes: int
    changes: int
    down_s: float


@dataclass
class _Row:
    """Of one fault, however often it struck. ``turns``: those that it may have touched. ``wrong``: what the independent
    reader counted, by name; None where it did not read."""

    fault: str
    turns: list[Turn] = field(default_factory=list)
    most_replies: int = 0
    wrong: Counter[str] | None = None

    def cells(self) -> tuple[Cell, ...]:
        silences = [turn.first_ms for turn in self.turns if turn.first_ms is not None]
        answers = [turn.answer_ms for turn in self.turns if turn.answer_ms is not None]
        ends = [turn.ended for turn in self.turns]
        return (
            *(self.fault, len(self.turns)),
            *_spread(silences),
            *_spread(answers),
            *(ends.count(Ended.REPLY), ends.count(Ended.CLOSING) + ends.count(Ended.FALLBACK), self.most_replies),
            self._counted(),
        )

    def _counted(self) -> str | None:
        if self.wrong is None:
            return None
        return (
            f"{self.wrong['lost'] + self.wrong['facts_lost']} / {self.wrong['doubled']} / {self.wrong['out_of_order']}"
        )


class HistoryError(Exception):
    """What was heard, decided and acknowledged doesn't agree. The message says what doesn't."""


def run(*, quick: bool) -> Report:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of each connection that is refused
    size = _Size(1, 2, 7.0) if quick else _Size(3, 10, 30.0)
    with tempfile.TemporaryDirectory() as directory:
        rows = asyncio.run(_all(Path(directory), size))
    notes = (
        f"{CALLS} real gateways, {PARTITIONS} partitions, real brokers and worker processes, all on this machine; the "
        "approved wordings answer: no model is asked",
        "ms from the end of the caller's speech to the first frame of any sound (silence), and of the reply or of what "
        "ended the turn (answer); turns that were in flight when the fault struck, and while it lasted",
        f"each struck {size.strikes} times; owners came and went {size.changes} times",
        "replies a turn: the most that was heard of one; lost, doubled, out of order: as the independent reader counts",
    )
    return Report("faults", [Table("Faults, at the ear", _COLUMNS, [row.cells() for row in rows], notes)])


async def _all(directory: Path, size: _Size) -> list[_Row]:
    reader = await asyncio.get_running_loop().run_in_executor(None, built, directory)
    return [
        *await _of_workers(directory / "workers", reader, size),
        await _of_the_registry(directory / "registry"),
        *await _of_brokers(directory / "brokers", reader, size),
    ]


async def _of_workers(directory: Path, reader: Path, size: _Size) -> list[_Row]:
    faults: list[tuple[str, int, Callable[[Stage], Awaitable[Struck]]]] = [
        ("none", size.strikes, _undisturbed),
        ("every fact put twice", size.strikes, _twice),
        ("disk of all workers full", 1, lambda stage: fill_the_disk(stage, stage.workers.running)),
        ("owner killed (SIGKILL)", size.strikes, lambda stage: kill_an_owner(stage, stage.workers.running[0])),
        ("owner stopped 5 s, woken", size.strikes, lambda stage: stop_an_owner(stage, stage.workers.running[0])),
        ("owners come and go", 1, partial(come_and_go, times=size.changes)),
        ("poison on inbox and log", 1, poison),
    ]
    rows: list[_Row] = []
    with _running(KafkaServer(directory / "kafka")) as server:
        async with staged(server.bootstrap, directory / "data") as stage:
            for fault, times, strike in faults:
                rows.append(_Row(fault))
                for _ in range(times):
                    await stage.staff(2)
                    async with _examined(stage, rows[-1], reader):
                        _add(rows[-1], await strike(stage))
    return rows


async def _of_the_registry(directory: Path) -> _Row:
    row = _Row("registry gone for good")
    registry = RegistryServer(directory / "registry")
    with _running(KafkaServer(directory / "kafka")) as server:
        registry.start()
        try:
            staging = staged(server.bootstrap, directory / "data", workers=1, registry=registry.url)
            async with staging as stage, _examined(stage, row, None):  # others ask the registry, and it is gone
                _add(row, await lose_the_registry(stage, lambda: registry.stop(at_once=True)))
        finally:
            registry.stop(at_once=True)
    return row


async def _of_brokers(directory: Path, reader: Path, size: _Size) -> list[_Row]:
    rows: list[_Row] = []
    with _running(KafkaCluster(directory / "kafka", cuttable=True)) as cluster:
        ways = {
            "killed": (cluster.kill, cluster.start_node),
            "paused": (cluster.pause, cluster.resume),
            "cut off": (cluster.cut, cluster.mend),
        }
        async with staged(cluster.bootstrap, directory / "data", replication=3) as stage:
            for name, (lose, mend) in ways.items():
                rows.append(_Row(f"one of three brokers {name}"))
                for _ in range(size.strikes):
                    async with _examined(stage, rows[-1], reader):
                        _add(rows[-1], await lose_a_leader(stage, lose, mend))
            rows.append(_Row(f"all three brokers killed, {size.down_s:g} s"))
            async with _examined(stage, rows[-1], reader):
                _add(rows[-1], await lose_the_brokers(stage, cluster, size.down_s))
    return rows


async def _undisturbed(stage: Stage) -> Struck:
    return Struck(await stage.round(), [], [])


async def _twice(stage: Stage) -> Struck:
    with delivered_twice(stage):
        return Struck(await stage.round(), [], [])


@asynccontextmanager
async def _examined(stage: Stage, row: _Row, reader: Path | None) -> AsyncIterator[None]:
    """New callers, and what they and the log say when they have hung up. Raises ``HistoryError``."""
    await stage.ring()
    await stage.calm()
    yield
    history = await stage.end()
    if history.wrong:
        raise HistoryError(f"{row.fault}: {'; '.join(history.wrong[:5])}")
    row.most_replies = max(row.most_replies, history.most_replies)
    if reader:
        account = await read_by_others(
            reader,
            stage.url.bootstrap,
            stage.url.topics.log,
            stage.inbox.acknowledged,
            stage.workspace.directory,
        )
        row.wrong = (row.wrong or Counter()) + Counter(account.wrong)


def _add(row: _Row, struck: Struck) -> None:
    row.turns += [*struck.in_flight, *struck.meanwhile]


def _spread(taken_ms: Sequence[float]) -> tuple[Cell, ...]:
    return (percentile(taken_ms, 0.5), percentile(taken_ms, 0.95), max(taken_ms, default=None))


@contextmanager
def _running(cluster: KafkaCluster) -> Iterator[KafkaCluster]:
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop(at_once=True)
