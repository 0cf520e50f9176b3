"""What read models cost as the log grows: 10 thousand to 10 million events, with a plot.

Each size is a log of its own, projected from nothing by as many processes as the product would take. The plot is written to
``cost_curve.svg`` in the working directory: where cost is linear, its lines are straight and parallel to the grid's diagonal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import spread
from benchmarks.loop import run_async
from benchmarks.projected_log import fill
from benchmarks.projections import asked_as_of, cpu_s, peak_mb, temporary_store
from benchmarks.report import CannotRunError, Cell, Report, Table
from benchmarks.temporary_log import temporary_log
from console.read_models import sqlite_ledger
from projections.projecting import Log, catch_up
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS

_SIZES, _QUICK = (10_000, 100_000, 1_000_000, 10_000_000), (2_000, 5_000)
_ASKED = 200
PLOT = Path("cost_curve.svg")


class _Size(NamedTuple):
    events: int
    calls: int
    log_mb: float
    rows_mb: float
    took_s: float
    cpu_s: float
    peak_mb: float
    as_of_p95_ms: float | None


def run(*, quick: bool) -> Report:
    measured = [run_async(_measured(size)) for size in (_QUICK if quick else _SIZES)]
    _plot(measured)
    columns = ("events", "calls", "log, MB", "rows, MB", "s", "events/s", "CPU s", "peak MB", "as of, p95 ms")
    rows: list[tuple[Cell, ...]] = [
        (
            f"{of.events:,}",
            of.calls,
            of.log_mb,
            of.rows_mb,
            of.took_s,
            of.events / of.took_s,
            of.cpu_s,
            of.peak_mb,
            of.as_of_p95_ms,
        )
        for of in measured
    ]
    notes = (
        f"all read models from the log's beginning, SQLite to SQLite; as of: one call of {_ASKED}, until a place of the log",
        f"peak: of the largest process so far; plot: {PLOT}",
    )
    return Report("cost_curve", [Table("Cost curve", columns, rows, notes)])


async def _measured(size: int) -> _Size:
    with temporary_log() as workspace, temporary_store() as (store, path):
        calls = await fill(workspace, size)
        log = Log(workspace.ledger, list, partial(sqlite_ledger, workspace.store.path))
        members = members_of(store, standings(store, READ_MODELS))
        began, before = time.perf_counter(), cpu_s()
        caught = await catch_up(store, log, members)
        took_s, used_s = time.perf_counter() - began, cpu_s() - before
        asked = spread(await asked_as_of(workspace, calls, _ASKED))
        log_mb, rows_mb = _mb(workspace.store.path), _mb(path)
    return _Size(caught.events, calls, log_mb, rows_mb, took_s, used_s, peak_mb(), asked.p95)


def _mb(path: Path) -> float:
    """With its write-ahead log."""
    parts = (path, path.with_name(path.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists()) / 1e6


def _plot(measured: list[_Size]) -> None:
    """Raises ``CannotRunError``."""
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise CannotRunError("the plot needs matplotlib: make setup-dev installs it") from None
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    events = [of.events for of in measured]
    lines: dict[str, Sequence[float | None]] = {
        "s to project all": [of.took_s for of in measured],
        "log, MB": [of.log_mb for of in measured],
        "rows, MB": [of.rows_mb for of in measured],
        "peak memory, MB": [of.peak_mb for of in measured],
        "as of one call, p95 ms": [of.as_of_p95_ms for of in measured],
    }
    for label, values in lines.items():
        known = [(at, value) for at, value in zip(events, values, strict=True) if value is not None]
        axes.loglog([at for at, _ in known], [value for _, value in known], marker="o", label=label)
    axes.set(xlabel="events on the log", title="What read models cost as the log grows")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(PLOT)
