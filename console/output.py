"""Output: JSON on stdout for programs, tables for people. Logs and errors go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

_ANY_WIDTH = 1_000_000  # columns


def print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Cells are shown as they are, whatever signs they hold. Nothing is cut off: a terminal that is too narrow folds them, and
    where no terminal is, each row is as wide as it needs to be."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        drawn.add_column(Text(name), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = max(1, console.measure(drawn, options=console.options.update(max_width=_ANY_WIDTH)).maximum)
    console.print(drawn)
