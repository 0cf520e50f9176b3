"""An auditor's copy: a data directory that may only be read is read, and nothing is written into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams import sqlite_wal
from tests.calls.commands import ledgerline


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_what_may_only_be_read_is_read_and_stays_as_it_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(data)
    monkeypatch.setattr(sqlite_wal, "_may_write", lambda path: False)
    for command in (("calls",), ("show", "last"), ("replay", "last"), ("verify",)):
        assert ledgerline(*command, "--json", "--data", data).code == 0, command
    assert contents(data) == before
