"""An auditor's copy: a data directory that may only be read is read, and nothing is written into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import reigning
from streams import sqlite_wal
from tests.calls.commands import failed, ledgerline


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_what_may_only_be_read_is_read_and_stays_as_it_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(data)
    monkeypatch.setattr(sqlite_wal, "_may_write", lambda path: False)
    for command in (("calls",), ("show", "last"), ("replay", "last"), ("verify",)):
        assert ledgerline(*command, "--json", "--data", data).code == 0, command
    assert contents(data) == before


@pytest.mark.parametrize(
    "command",
    [
        ("hold", "place", "customer-9", "--reference", "CASE-17", "--by", "legal"),
        ("retention", "365", "--reference", "policy-7", "--by", "compliance"),
        ("forget", "customer-9", "--reference", "request-3", "--by", "dpo"),
    ],
    ids=lambda command: command[0],
)
def test_what_would_be_noted_there_is_refused_and_not_tried_for_ever(
    command: tuple[str, ...], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(data)
    monkeypatch.setattr(sqlite_wal, "_may_write", lambda path: False)
    monkeypatch.setattr(reigning, "TAKE_OVER_S", 0.5)
    failed(ledgerline(*command, "--data", data), 1, "nothing can be noted on this log", "readonly")
    assert contents(data) == before | {"owner.lock": contents(data)["owner.lock"]}
