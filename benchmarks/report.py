"""What a benchmark hands back, and how it is printed: Markdown for docs and people, JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.figures import Spread

Cell = str | float | int | None
SPREAD_COLUMNS = ("n", "p50", "p95", "p99")


class CannotRunError(Exception):
    """Something that a benchmark needs isn't here. The message says what brings it."""


@dataclass(frozen=True)
class Table:
    """``columns`` carry their unit. A cell that is None was not measured."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    name: str
    tables: list[Table] = field(default_factory=list)


def spread_cells(spread: Spread) -> tuple[Cell, ...]:
    return (spread.n, spread.p50, spread.p95, spread.p99)


def as_json(report: Report) -> dict[str, object]:
    return asdict(report)


def as_markdown(report: Report) -> str:
    return "\n\n".join("\n".join(_lines(table)) for table in report.tables)


def as_row(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _lines(table: Table) -> Iterator[str]:
    yield f"**{table.title}**"
    yield ""
    yield as_row(table.columns)
    yield as_row(["---"] + ["---:"] * (len(table.columns) - 1))
    for row in table.rows:
        yield as_row(row)
    if table.notes:
        yield ""
    for note in table.notes:
        yield f"- {note}"


def _text(cell: Cell) -> str:
    if cell is None:
        return "null"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}" if abs(cell) < 1 else f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
