"""Output: JSON on stdout for programs, tables for people. Logs and errors go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.table import Table

_BETWEEN = "  "  # of two columns


def print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """For people, whatever it holds."""
    from console.symbols import visible

    print(visible(text))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Cells are shown as they are, whatever signs they hold. Nothing is cut off: a terminal that is too narrow folds them, and
    where no terminal is, each row is as wide as it needs to be."""
    from rich.console import Console

    from console.symbols import visible

    told = [["" if cell is None else visible(str(cell).expandtabs()) for cell in row] for row in rows]
    console = Console()
    if console.is_terminal:
        console.print(_drawn(header, told))
    else:
        sys.stdout.writelines(_plain([list(header), *told]))


def _drawn(header: Sequence[str], rows: list[list[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        drawn.add_column(Text(name), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _plain(rows: list[list[str]]) -> Iterator[str]:
    """Line by line: what is laid out for a terminal takes minutes for a million rows."""
    from rich.cells import cell_len

    cells = [[cell.split("\n") for cell in row] for row in rows]
    widths = [max(cell_len(line) for cell in column for line in cell) for column in zip(*cells, strict=True)]
    for row in cells:
        for parts in zip_longest(*row, fillvalue=""):
            padded = (part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True))
            yield _BETWEEN.join(padded).rstrip() + "\n"
