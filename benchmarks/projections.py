"""All read models from a log of a million events, how far behind they are while it grows, and questions as of a moment."""

from __future__ import annotations

import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NoReturn

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from agent_core.conversation import Context, initial
from agent_core.evolve import evolve
from benchmarks import pathway
from benchmarks.figures import Spread, spread
from benchmarks.loop import run_async
from benchmarks.projected_log import call_id, fill
from benchmarks.report import SPREAD_COLUMNS, Cell, Report, Table, spread_cells
from benchmarks.temporary_log import temporary_log
from console.read_models import sqlite_ledger
from console.workspace import SqliteWorkspace
from projections.analytics import Analytics
from projections.checkpoint import BEGINNING, Checkpoint
from projections.moment import AsOf, events_at, moment_of
from projections.projecting import Log, catch_up, follow
from projections.projector import Projector
from projections.read_model_store import ReadModelStore
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import ReadModel
from streams.codec import Codec, happening_of
from streams.ports import Entry, LogRecord
from streams.sealed_only import SealedOnly

GOAL_S = 30.0
_MILLION, _QUICK = 1_000_000, 20_000
_FOLDED, _FOLDS = 60_000, 5
_SHORT_STEPS = 5  # of each call where many calls are wanted: it rings, is greeted and asks
_ASKED, _QUICK_ASKED = 300, 30
_PATHWAY_ASKED = 30
_EVENTS_PER_S, _FOLLOWED_S, _QUICK_FOLLOWED_S = 500, 20, 2
_STEP = 10  # events that are appended at once
_SEED = 5


def run(*, quick: bool) -> Report:
    return run_async(_run(quick))


async def _run(quick: bool) -> Report:
    size = _QUICK if quick else _MILLION
    tables: list[Table] = []
    with temporary_log() as workspace:
        calls = await fill(workspace, size)
        tables.append(await _folded(workspace, min(size, _FOLDED)))
        tables.append(await _projected(workspace, calls))
        tables.append(await _one_as_of(workspace, calls, _QUICK_ASKED if quick else _ASKED))
    with temporary_log() as workspace:
        calls = await fill(workspace, size, steps=_SHORT_STEPS)
        tables.append(await _all_as_of(workspace, calls, _QUICK_ASKED if quick else _ASKED))
    tables.append(await _lag(_QUICK_FOLLOWED_S if quick else _FOLLOWED_S))
    return Report("projections", tables)


async def _folded(workspace: SqliteWorkspace, events: int) -> Table:
    records = await workspace.ledger.read(0, 0, events)
    every = [model for model in READ_MODELS.values() if model.fold]
    rows: list[tuple[Cell, ...]] = []
    ways: list[tuple[str, Sequence[ReadModel] | None]] = [("decoded, and folded by the shared reducer", None)]
    ways += [("decoded, filtered, and folded into conversations", [READ_MODELS["conversations"]])]
    ways += [("decoded, filtered, and folded into all read models", every)]
    for name, models in ways:
        rates = []
        for _ in range(_FOLDS):
            began = time.process_time()
            if models is None:
                _evolve(records)
            else:
                await Projector(models, _nothing_before, 0, BEGINNING).take(records)
            rates.append(len(records) / (time.process_time() - began))
        rows.append((name, len(records), sorted(rates)[len(rates) // 2], max(rates)))
    columns = ("one core, from records in memory", "events", "events/s of CPU, median", "fastest")
    return Table("Folding", columns, rows, ("rows are made, not written; nothing private is opened",))


def _evolve(records: Sequence[LogRecord]) -> None:
    context = Context(_unused, _unused)
    conversations = {record.conversation_id: initial(record.conversation_id, context) for record in records}
    for record in records:
        name = record.conversation_id
        if name:
            conversations[name] = evolve(conversations[name], happening_of(record.body))


def _unused(*_: object) -> NoReturn:
    raise LookupError("folding needs neither behaviour nor key")


async def _nothing_before(conversation_id: str, partition: int, until: int) -> list[LogRecord]:
    raise LookupError("every call begins in what is read")


async def _projected(workspace: SqliteWorkspace, calls: int) -> Table:
    log = Log(workspace.ledger, list, partial(sqlite_ledger, workspace.store.path))
    rows: list[tuple[Cell, ...]] = []
    events = await workspace.ledger.end(0)
    for name, helpers in (("one process", 1), ("two that fold and one that writes", 2)):
        with temporary_store() as (store, _):
            members = members_of(store, standings(store, READ_MODELS))
            began, before = time.perf_counter(), cpu_s()
            caught = await catch_up(store, log, members, helpers=helpers)
            took_s, used_s = time.perf_counter() - began, cpu_s() - before
            versions = sum(store.count(generation)[1] for _, generation in members)
        if caught.events != events - 1:  # all but the owner's announcement
            raise RuntimeError(f"{caught.events} of {events} records were folded")
        rows.append((name, events, versions, took_s, events / took_s, used_s, peak_mb()))
    columns = (
        "all read models from the log's beginning",
        "events",
        "versions of rows",
        "s",
        "events/s",
        "CPU s",
        "peak MB",
    )
    notes = (
        f"goal: 1,000,000 events in {GOAL_S:.0f} s on two cores; {calls:,} calls, 50 of them at once; SQLite to SQLite",
        "peak: the largest process so far, this one or a helper",
    )
    return Table("Catching up", columns, rows, notes)


async def _one_as_of(workspace: SqliteWorkspace, calls: int, asked: int) -> Table:
    end, taken = await workspace.ledger.end(0), await asked_as_of(workspace, calls, asked)
    rows = [("events of one call until a place of the log", *spread_cells(spread(taken)))]
    return Table(f"As of, one call out of {end:,} events, ms", ("from the log", *SPREAD_COLUMNS), rows)


async def asked_as_of(workspace: SqliteWorkspace, calls: int, asked: int) -> list[float]:
    """Milliseconds that each of so many questions took: a call of chance as it was at a place of chance."""
    chance, end, taken = random.Random(_SEED), await workspace.ledger.end(0), []
    codec = Codec(SealedOnly())
    for _ in range(asked):
        name, offset = call_id(chance.randrange(calls)), chance.randrange(1, end)
        began = time.perf_counter()
        at = await moment_of(f"0:{offset}", workspace.ledger)
        await events_at(workspace.ledger, name, codec, at)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


async def _all_as_of(workspace: SqliteWorkspace, calls: int, asked: int) -> Table:
    log = Log(workspace.ledger, list, partial(sqlite_ledger, workspace.store.path))
    end, chance = await workspace.ledger.end(0), random.Random(_SEED)
    with temporary_store() as (store, path):
        await catch_up(store, log, members_of(store, standings(store, READ_MODELS)))
        columns = ["status", "turns", "from_us", "to_us"]
        versions = [row for batch in store.rows(READ_MODELS["conversations"], columns) for row in batch]
        first_us, last_us = min(row[2] for row in versions), max(row[2] for row in versions)
        moments = [chance.randrange(first_us, last_us) for _ in range(asked)]
        began = time.perf_counter()
        with Analytics(store, SealedOnly(), AsOf(last_us)) as analytics:
            analytics.load({"conversations_history"})
            loaded_s = time.perf_counter() - began
            answers = [_asked_duckdb(analytics, at_us) for at_us in moments]
        rows = [("DuckDB", *spread_cells(spread([answer.took_ms for answer in answers])))]
        if pathway.is_here():
            file = path.with_suffix(".parquet")
            arrays = [pa.array(values) for values in zip(*versions, strict=True)]
            pq.write_table(pa.table(arrays, names=columns), file)
            rows.append(("Pathway 0.33", *spread_cells(spread(_asked_pathway(file, moments, answers)))))
    notes = (
        f"{end:,} events, {len(versions):,} versions of {calls:,} conversations; loading them into DuckDB, once a command: "
        f"{loaded_s:.2f} s",
        "goal: 300 ms; the question: how many calls stood how, with how many turns; Pathway builds and runs a dataflow for each",
    )
    return Table(f"As of, all {calls:,} calls, ms", ("state of all calls at a moment", *SPREAD_COLUMNS), rows, notes)


def _asked_duckdb(analytics: Analytics, at_us: int) -> pathway.Answered:
    began = time.perf_counter()
    found = analytics.ask(
        "select status, count(*), sum(turns) from conversations_history "
        f"where from_us <= {at_us} and (to_us is null or to_us > {at_us}) group by status order by status"
    )
    took_ms = (time.perf_counter() - began) * 1000
    return pathway.Answered(took_ms, [(status, int(many), int(turns)) for status, many, turns in found.rows])


def _asked_pathway(versions: Path, moments: Sequence[int], expected: Sequence[pathway.Answered]) -> list[float]:
    taken = []
    with pathway.pathway(versions) as ask:
        for at_us, wanted in zip(moments[:_PATHWAY_ASKED], expected, strict=False):
            answered = ask(at_us)
            if answered.rows != wanted.rows:
                raise RuntimeError(f"as of {at_us}: {answered.rows} in place of {wanted.rows}")
            taken.append(answered.took_ms)
    return taken


async def _lag(seconds: int) -> Table:
    """From an append to the commit of the rows that hold it."""
    with temporary_log() as source, temporary_log() as workspace, temporary_store() as (store, _):
        await fill(source, _EVENTS_PER_S * seconds)
        records = iter(await source.ledger.read(0, 0, _EVENTS_PER_S * seconds))
        members = members_of(store, standings(store, READ_MODELS))
        live = store.generations()["turns"]
        following = asyncio.create_task(follow(store, Log(workspace.ledger, list), members))
        lags: list[float] = []
        due = time.perf_counter()
        appended: list[tuple[int, float]] = []
        while batch := list(islice(records, _STEP)):
            await workspace.ledger.append(0, [Entry(r.conversation_id, r.body) for r in batch])
            appended.append((await workspace.ledger.end(0), time.perf_counter()))
            due += _STEP / _EVENTS_PER_S
            while time.perf_counter() < due:
                _note(store.checkpoints(live), appended, lags)
                await asyncio.sleep(0.002)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    measured: Spread = spread(lags)
    notes = ("looked at every 2 ms by the process that appends and follows",)
    return Table(
        "Behind the log, ms",
        (f"at {_EVENTS_PER_S} events/s", *SPREAD_COLUMNS),
        [("all read models", *spread_cells(measured))],
        notes,
    )


def _note(checkpoints: dict[int, Checkpoint], appended: list[tuple[int, float]], lags: list[float]) -> None:
    reached = checkpoints.get(0, BEGINNING).offset
    while appended and appended[0][0] - _STEP < reached:  # its first record at least: a step may end behind it
        lags.append((time.perf_counter() - appended.pop(0)[1]) * 1000)


@contextmanager
def temporary_store() -> Iterator[tuple[ReadModelStore, Path]]:
    """A store on SQLite, and its file."""
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as directory:
        path = Path(directory) / "read_models.db"
        with ReadModelStore(f"sqlite:///{path}") as store:
            yield store, path


def cpu_s() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def peak_mb() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(each).ru_maxrss for each in who) / 1024
