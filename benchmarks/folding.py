"""Events folded a second on one core: from SQLite, Kafka and Parquet, next to pyeventsourcing's replay, taking turns.

Ours: rows read, events read (envelope and payload, of some 17 values each), the filter that every reader needs, and the whole
shared reducer, as read models fold it; hashes aren't checked and nothing private is opened. Theirs: ``repository.get`` from its
SQLite recorder, into an aggregate that counts and keeps the newest text. CPU seconds of the process that folds: what a broker
or another process does isn't counted.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from agent_core.conversation import Context, Conversation, Status, initial
from agent_core.evolve import evolve
from benchmarks.figures import percentile
from benchmarks.kafka_stage import stage
from benchmarks.loop import run_async
from benchmarks.parquet_log import read_log, write_log
from benchmarks.projected_log import fill
from benchmarks.report import CannotRunError, Cell, Report, Table
from benchmarks.temporary_log import temporary_log
from projections.garbage import rarely_collected
from schemas import native_readers
from streams.codec import happening_of
from streams.effective import EffectiveReader
from streams.kafka import native_fetched
from streams.ports import Entry, Ledger, LogRecord

GOAL_PER_S, GOAL_RATIO = 150_000, 5
_EVENTS, _QUICK = 100_000, 5_000
_PASSES, _QUICK_PASSES = 7, 2
_READ = 250  # records at once: as many as a core's cache holds
_FETCHED = 2_000  # more from a broker, which is asked each time
_APPEND = 500
_AS_MANY = 12  # further values: with its five, as many as an event of ours has
_USUAL = "pyeventsourcing 9.5, as many values"
_LEAN = "pyeventsourcing 9.5, five values"
_FASTEST = "pyeventsourcing 9.5 on msgspec, as many values"
_THEIR_PYTHON = Path(".venv-peers/bin/python")
_THEIR_SCRIPT = Path(__file__).parent / "peers" / "eventsourcing_replay.py"

Source = Callable[[], AsyncIterator[Sequence[LogRecord]]]


def run(*, quick: bool) -> Report:
    return run_async(_run(_QUICK if quick else _EVENTS, _QUICK_PASSES if quick else _PASSES))


async def _run(events: int, passes: int) -> Report:
    with (
        temporary_log() as workspace,
        stage() as kafka,
        tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as name,
    ):
        calls = await fill(workspace, events)
        records = await workspace.ledger.read(0, 0, events * 2)
        parquet = Path(name) / "log.parquet"
        write_log(parquet, records)
        async with kafka.log() as log:
            ledger = log.workspace.stores.ledger
            for first in range(0, len(records), _APPEND):
                chunk = records[first : first + _APPEND]
                await ledger.append(0, [Entry(record.conversation_id, record.body) for record in chunk])
            sources: dict[str, Source] = {
                "ledgerline, SQLite": lambda: _stored(workspace.ledger, _READ),
                "ledgerline, Kafka": lambda: _stored(ledger, _FETCHED),
                "ledgerline, Parquet": lambda: _archived(parquet),
            }
            each = len(records) // calls
            with (
                _theirs(Path(name), calls, each, _AS_MANY, "declared") as usual,
                _theirs(Path(name), calls, each, 0, "declared") as lean,
                _theirs(Path(name), calls, each, _AS_MANY, "msgspec") as fastest,
            ):
                replays = {_USUAL: usual, _LEAN: lean, _FASTEST: fastest}
                rates = await _rates(sources, replays, len(records), passes)
    return Report("folding", [_table(rates, calls, len(records), passes)])


async def _rates(
    sources: dict[str, Source], replays: dict[str, Callable[[], float]], events: int, passes: int
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in (*sources, *replays)}
    for _ in range(passes):
        for name, source in sources.items():
            began = time.process_time()
            with rarely_collected():
                folded = await _fold(source())
            rates[name].append(folded / (time.process_time() - began))
            if folded != events - 1:  # all but the owner's announcement
                raise RuntimeError(f"{name}: {folded} of {events} records were folded")
        for name, replay in replays.items():
            rates[name].append(replay())
    return rates


def _table(rates: dict[str, list[float]], calls: int, events: int, passes: int) -> Table:
    medians = {name: percentile(taken, 0.5) or 0.0 for name, taken in rates.items()}
    rows: list[tuple[Cell, ...]] = [
        (name, of, min(rates[name]), max(rates[name]), of / medians[_USUAL], of / medians[_FASTEST])
        for name, of in medians.items()
    ]
    notes = (
        f"goal: {GOAL_PER_S:,} events/s, {GOAL_RATIO} times pyeventsourcing's replay",
        f"events, and records from Kafka, read {'in C (make compiled)' if _in_c() else 'in Python: make compiled reads them in C'}",
        f"{calls} calls of {events // calls} events, 50 at once on our log; {passes} passes, all take turns",
        "theirs: aggregates of as many events, which count and keep a text; its default mapper and JSON transcoder, and its "
        "documentation's msgspec mapper with immutable structs; ours: the whole reducer. CPU of the folding process",
    )
    columns = (
        "folded on one core",
        "events/s, median",
        "slowest pass",
        "fastest pass",
        "times theirs",
        "times theirs on msgspec",
    )
    return Table("Folding the log", columns, rows, notes)


async def _fold(batches: AsyncIterator[Sequence[LogRecord]]) -> int:
    reader, context, folded = EffectiveReader(), Context(_unused, _unused), 0
    open_calls: dict[str, Conversation] = {}
    async for records in batches:
        for record in records:
            name = record.conversation_id
            for event in reader.feed(record, happening_of(record.body, name)):
                conversation = open_calls.get(name) or initial(name, context)
                open_calls[name] = after = evolve(conversation, event)
                folded += 1
                if after.status is Status.CLOSED:
                    del open_calls[name]
    return folded


def _in_c() -> bool:
    return native_readers.compiled() is not None and native_fetched.compiled() is not None


def _unused(*_: object) -> NoReturn:
    raise LookupError("folding needs neither behaviour nor key")


async def _stored(ledger: Ledger, at_once: int) -> AsyncIterator[Sequence[LogRecord]]:
    start = 0
    while records := await ledger.read(0, start, at_once):
        start = records[-1].offset + 1
        yield records


async def _archived(path: Path) -> AsyncIterator[Sequence[LogRecord]]:
    for records in read_log(path, _READ):
        yield records


@contextmanager
def _theirs(directory: Path, aggregates: int, events: int, values: int, style: str) -> Iterator[Callable[[], float]]:
    """Raises ``CannotRunError``."""
    if not _THEIR_PYTHON.exists():
        raise CannotRunError("pyeventsourcing isn't here: make setup-peers fetches it")
    home = directory / f"{style}-{values}"
    home.mkdir()
    command = [str(_THEIR_PYTHON), str(_THEIR_SCRIPT), *map(str, (home, aggregates, events, values, style))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, asked = process.stdout, process.stdin
        if told.readline().strip() != "ready":
            raise CannotRunError("pyeventsourcing doesn't run: make setup-peers fetches it")

        def replay() -> float:
            asked.write("\n")
            asked.flush()
            return float(told.readline())

        try:
            yield replay
        finally:
            asked.close()
