"""The write-ahead log is emptied for good, though another process is just moving it into the file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from streams import sqlite_wal
from streams.sqlite_wal import BUSY_TIMEOUT_S, connect_wal, wal_is_emptied, wal_of

HOLDER = Path(__file__).with_name("holds_checkpoint.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a checkpoint."""
    database = connect_wal(path, "full")
    database.execute("create table data_key (wrapped blob)")
    index = path.with_name(f"{path.name}-shm")
    command = [sys.executable, str(HOLDER), str(index)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()
    database.close()


def test_another_processs_checkpoint_is_waited_for(
    path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def until_it_is_over(_: float) -> None:
        assert holder.stdin
        assert holder.stdout
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "free\n"

    monkeypatch.setattr(sqlite_wal.time, "sleep", until_it_is_over)
    database = connect_wal(path, "full")
    database.execute("insert into data_key values (x'00')")
    assert wal_is_emptied(database)
    assert wal_of(path).stat().st_size == 0
    database.close()


def test_a_checkpoint_that_never_ends_is_waited_for_within_a_bound(
    path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = connect_wal(path, "full")
    seconds = count()
    waits: list[float] = []
    monkeypatch.setattr(sqlite_wal.time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(sqlite_wal.time, "sleep", waits.append)
    assert not wal_is_emptied(database)
    assert len(waits) == BUSY_TIMEOUT_S
    database.close()
