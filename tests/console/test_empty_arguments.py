"""A variable that a shell didn't know is an argument that is there and empty. It never means what leaving it out means."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.empty_arguments import told_of_empty
from tests.calls.commands import PATIENCE_S, start


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["worker", "--lane", "", "--log", "kafka"], "--lane is empty"),
        (["worker", "--lane=", "--log", "kafka"], "--lane is empty"),
        (["worker", "--lane", " "], "--lane is empty"),
        (["calls", "--data", ""], "--data is empty"),
        (["show", ""], "an argument is empty"),
        (["calls", "--data=d", ""], "an argument is empty"),
        (["forget", "call:", "--reference", "r"], "call: is empty"),
    ],
)
def test_the_first_empty_argument_is_named(arguments: list[str], named: str) -> None:
    told = told_of_empty(arguments)
    assert told is not None
    assert told.startswith(named)


def test_whole_arguments_are_no_news() -> None:
    assert told_of_empty(["forget", "call:call-1", "--by", "dpo", "--data=d", "call: a colon in a question"]) is None


def test_no_command_runs_with_an_empty_argument(tmp_path: Path) -> None:
    """Without this the worker joined production, under the code that the lane was to try."""
    worker = start("worker", "--lane", "", "--log", "kafka://127.0.0.1:1", folder=tmp_path)
    out, err = worker.communicate(timeout=PATIENCE_S)
    assert (worker.returncode, out) == (2, "")
    assert err == "ledgerline: --lane is empty: leave it out, or look at the variable that it comes from\n"
