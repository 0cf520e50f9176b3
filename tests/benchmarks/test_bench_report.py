"""A table reads the same for people and for machines."""

from __future__ import annotations

import json

from benchmarks.__main__ import BENCHMARKS, ON_DEMAND
from benchmarks.report import Report, Table, as_json, as_markdown

_REPORT = Report("x", [Table("Latency, ms", ("way", "n", "p50"), [("a", 1200, 3.456), ("b", 5, None)], ("a note",))])


def test_what_was_not_measured_is_null_and_never_0() -> None:
    assert "| b | 5 | null |" in as_markdown(_REPORT)
    rows = json.loads(json.dumps(as_json(_REPORT)))["tables"][0]["rows"]
    assert rows == [["a", 1200, 3.456], ["b", 5, None]]


def test_a_markdown_row_has_as_many_cells_as_there_are_columns() -> None:
    lines = [line for line in as_markdown(_REPORT).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {4}
    assert "- a note" in as_markdown(_REPORT)


def test_every_benchmark_can_be_named_on_the_command_line() -> None:
    from importlib.util import find_spec

    assert all(find_spec(f"benchmarks.{name}") for name in BENCHMARKS | ON_DEMAND)
