"""The answer to a query: a table for people, a list of objects for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from console.output import print_json, table
from projections.analytics import Answer


def print_answer(answer: Answer, as_json: bool) -> None:
    if as_json:
        names = tuple(_apart(answer.columns))
        print_json([dict(zip(names, row, strict=True)) for row in answer.rows])
        return
    table(answer.columns, answer.rows)


def _apart(columns: Iterable[str]) -> Iterator[str]:
    """A join may have a name twice, an object has it once: the further ones are ``name_1``, ``name_2``, as DuckDB has it."""
    taken: set[str] = set()
    for column in columns:
        name, number = column, 0
        while name in taken:
            number += 1
            name = f"{column}_{number}"
        taken.add(name)
        yield name
