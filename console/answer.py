"""The answer to a query: a table for people, a list of objects for programs."""

from __future__ import annotations

from console.output import print_json, table
from projections.analytics import Answer


def print_answer(answer: Answer, as_json: bool) -> None:
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    table(answer.columns, answer.rows)
