"""Reads the rows of a CSV file as records, each with the line on which it begins.

As Langfuse writes them: the first row has the names; a cell holds a text, or JSON where the value is none (an object, a list; in
older exports a text too, in its quotes). An empty cell is a value that isn't there.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.history.transcript import BadHistoryError

_MOST_SIGNS = 2**27  # of a cell: conversations grow, csv's own limit is 131,072
_OTHER_SEPARATORS = {
    ";": "semicolons",
    "\t": "tabs",
    "|": "bars",
}  # what spreadsheets write where a comma is a decimal mark


def csv_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Raises ``BadHistoryError``."""
    _check_separator(path, text)
    csv.field_size_limit(_MOST_SIGNS)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = next(reader, [])
        _check_names(path, names)
        while True:
            place = f"{path}:{reader.line_num + 1}"
            row = next(reader, None)
            if row is None:
                return
            if row and len(row) != len(names):
                raise BadHistoryError(f"{place}: {len(row)} cells where the first line names {len(names)} columns")
            if row:
                yield place, {name: _value(cell) for name, cell in zip(names, row, strict=True) if cell}
    except csv.Error as error:
        raise BadHistoryError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _check_separator(path: Path, text: str) -> None:
    first = text[: text.find("\n")]
    for sign, told in _OTHER_SEPARATORS.items():
        if sign in first and "," not in first:
            raise BadHistoryError(f"{path}:1: the columns are separated by {told}: export it with commas")


def _check_names(path: Path, names: list[str]) -> None:
    given = [name for name in names if name]  # a spreadsheet adds empty ones
    if len(set(given)) < len(given):
        raise BadHistoryError(f"{path}:1: two columns have the same name: which of them counts can't be told")


def _value(cell: str) -> Any:
    if cell[0] not in '{["':
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
