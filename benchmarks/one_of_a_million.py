"""Reads and folds one conversation out of a log of a million events, and out of a small log beside it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import NamedTuple

from agent_core.evolve import evolve
from benchmarks.figures import spread
from benchmarks.loop import run_async
from benchmarks.race_behaviour import race_behaviour
from benchmarks.recorded_calls import Recorder
from benchmarks.report import SPREAD_COLUMNS, Report, Table, spread_cells
from benchmarks.temporary_log import temporary_log
from console.workspace import SqliteWorkspace
from processors.deciders import cascade
from processors.mind import AgentMind
from streams.codec import Body
from streams.effective import EffectiveReader
from streams.ports import Entry

_MILLION, _QUICK, _SMALL = 1_000_000, 20_000, 5_000
_AT_ONCE = 50  # calls whose events lie between each other on the log, as they do where so many are held at once
_READ_CALLS = 60  # whole calls with their own keys; the log is filled up with their bytes under other ids
_READS, _QUICK_READS = 600, 60
_APPEND = 2_000
_SEED = 7


class _Read(NamedTuple):
    rows_ms: float
    all_ms: float


def run(*, quick: bool) -> Report:
    big = _QUICK if quick else _MILLION
    reads = _QUICK_READS if quick else _READS
    return run_async(_run(big, reads))


async def _run(big: int, reads: int) -> Report:
    rows: list[tuple[str | float | int | None, ...]] = []
    medians: list[float] = []
    events_a_call, size_mb = 0, 0.0
    for events in (_SMALL, big):
        with temporary_log() as workspace:
            events_a_call = await _fill(workspace, events)
            size_mb = workspace.store.path.stat().st_size / 1e6
            taken = [await _read(workspace, call_id) for call_id in _picked(events // events_a_call, reads)]
        of_all = spread([read.all_ms for read in taken])
        medians.append(of_all.p50 or 0.0)
        rows.append((f"{events:,} events: rows read", *spread_cells(spread([read.rows_ms for read in taken]))))
        rows.append((f"{events:,} events: read, opened and folded", *spread_cells(of_all)))
    notes = (
        f"each conversation has {events_a_call} events; {_AT_ONCE} conversations interleave; the large file has "
        f"{size_mb:,.0f} MB and lies in the system's page cache",
        f"large log over small log, median: {medians[1] / medians[0]:.2f}",
    )
    return Report("one_of_a_million", [Table("One conversation, ms", ("log of", *SPREAD_COLUMNS), rows, notes)])


async def _fill(workspace: SqliteWorkspace, events: int) -> int:
    """Interleaved calls of some thousand events at a time. Returns the events of one call."""
    behaviour = race_behaviour()
    seq = workspace.record(behaviour)
    mind = AgentMind(cascade(), workspace.behaviour_of, workspace.keys)
    recorder = Recorder(mind, workspace.codec, behaviour, seq)
    whole = {n: [body for body, _ in recorder.call(_call_id(n))] for n in range(_READ_CALLS)}
    events_a_call = len(whole[0])
    pending: list[Entry] = []
    for entry in _interleaved(events // events_a_call, whole):
        pending.append(entry)
        if len(pending) == _APPEND:
            await workspace.ledger.append(0, pending)
            pending = []
    if pending:
        await workspace.ledger.append(0, pending)
    return events_a_call


def _interleaved(calls: int, whole: dict[int, list[Body]]) -> Iterator[Entry]:
    stride = max(1, calls // _READ_CALLS)
    for first in range(0, calls, _AT_ONCE):
        group = range(first, min(first + _AT_ONCE, calls))
        for index in range(len(whole[0])):
            for number in group:
                real = number // stride if number % stride == 0 and number // stride < _READ_CALLS else None
                conversation_id = f"filler-{number}" if real is None else _call_id(real)
                yield Entry(conversation_id, whole[(real if real is not None else number % _READ_CALLS)][index])


def _picked(calls: int, reads: int) -> list[str]:
    there = min(_READ_CALLS, calls)
    chance = random.Random(_SEED)
    return [_call_id(chance.randrange(there)) for _ in range(reads)]


async def _read(workspace: SqliteWorkspace, conversation_id: str) -> _Read:
    began = time.perf_counter()
    records = await workspace.ledger.read_conversation(conversation_id)
    rows_at = time.perf_counter()
    mind = AgentMind(cascade(), workspace.behaviour_of, workspace.keys)
    conversation = mind.initial(conversation_id)
    reader = EffectiveReader(epoch=1)
    for record in records:
        for event in reader.feed(record, workspace.codec.decode(record.body)):
            conversation = evolve(conversation, event)
    done_at = time.perf_counter()
    if conversation.seq != len(records):
        raise RuntimeError(f"{conversation_id}: {len(records)} records were read and {conversation.seq} folded")
    return _Read((rows_at - began) * 1000, (done_at - began) * 1000)


def _call_id(number: int) -> str:
    return f"call-{number:04}"
