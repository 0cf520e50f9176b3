"""What is written goes from the write-ahead log into the file beside the loop, and is never lost on the way."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams import sqlite_checkpoint
from streams.codec import Body
from streams.kafka.local_file import LocalFile
from streams.ports import Entry
from streams.sqlite import SqliteLedger
from streams.sqlite_checkpoint import CHECKPOINT_BYTES
from streams.sqlite_store import SqliteStore
from streams.sqlite_wal import wal_of
from tests.support import eventually, run

SCRIPT = Path(__file__).with_name("dies_in_checkpoint.py")
MEGABYTE = 1 << 20


async def append(ledger: SqliteLedger, megabytes: int) -> None:
    for _ in range(megabytes):
        await ledger.append(0, [Entry("c", Body("CallEnded", 1, bytes(MEGABYTE // 16)))] * 16)


def test_a_commit_moves_nothing_and_a_sync_has_it_moved(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "ledger.db"
        store = SqliteStore(path)
        ledger = SqliteLedger(store)
        before = path.stat().st_size
        await append(ledger, 8)
        assert path.stat().st_size == before
        assert wal_of(path).stat().st_size > CHECKPOINT_BYTES
        await ledger.sync()
        store.checkpoints.close()
        assert path.stat().st_size > 8 * MEGABYTE
        store.close()

    run(scenario())


def test_the_write_ahead_log_stays_short_however_much_is_appended(tmp_path: Path) -> None:
    async def scenario() -> int:
        store = SqliteStore(tmp_path / "ledger.db")
        ledger, longest = SqliteLedger(store), 0
        for _ in range(20):
            await append(ledger, 2)
            await ledger.sync()
            store.checkpoints.close()  # it is never overtaken: what bounds it then is the last resort
            longest = max(longest, wal_of(store.path).stat().st_size)
        store.close()
        return longest

    assert run(scenario()) < 2 * CHECKPOINT_BYTES


def test_what_is_kept_of_a_log_on_kafka_is_moved_beside_the_loop_too(tmp_path: Path) -> None:
    path = tmp_path / "local.db"
    file = LocalFile(path)
    place, before = file.place("topic", 0), path.stat().st_size
    rows = [(place.id, f"c{number}", bytes(MEGABYTE)) for number in range(8)]
    file.write("insert into snapshot values (?, ?, ?)", rows)
    assert path.stat().st_size == before
    with file.writing():
        file.move(place)

    async def moved() -> bool:
        return path.stat().st_size > 8 * MEGABYTE

    assert run(eventually(moved))
    file.close()


def test_where_nobody_syncs_the_writer_moves_it_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "_LAST_RESORT_BYTES", 6 * MEGABYTE)

    async def scenario() -> int:
        store = SqliteStore(tmp_path / "ledger.db")
        await append(SqliteLedger(store), 20)
        length = wal_of(store.path).stat().st_size
        store.close()
        return length

    assert run(scenario()) < 8 * MEGABYTE


def test_a_reader_without_an_end_is_told_of_once_and_costs_only_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "_LAST_RESORT_BYTES", 6 * MEGABYTE)

    async def scenario() -> tuple[int, int]:
        store, other = SqliteStore(tmp_path / "ledger.db"), SqliteStore(tmp_path / "ledger.db")
        ledger, length = SqliteLedger(store), 0

        async def appended() -> int:
            await append(ledger, 3)
            await ledger.sync()
            store.checkpoints.close()
            return wal_of(store.path).stat().st_size

        await appended()
        other.db.execute("begin")
        other.db.execute("select count(*) from log").fetchone()
        for _ in range(6):
            length = await appended()
        other.db.execute("rollback")
        other.close()
        await appended()
        after = await appended()
        store.close()
        return length, after

    with caplog.at_level(logging.WARNING):
        length, after = run(scenario())
    assert length > 18 * MEGABYTE
    assert after < 2 * CHECKPOINT_BYTES
    (told,) = [record.getMessage() for record in caplog.records]
    assert str(tmp_path / "ledger.db") in told


def test_a_process_that_dies_in_mid_checkpoint_leaves_every_record(tmp_path: Path) -> None:
    """The system kills it at a write half-way through the file: nothing of it runs after that."""
    died = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    assert died.returncode == -signal.SIGXFSZ
    acknowledged = [int(number) for number in died.stdout.split()]
    path = tmp_path / "ledger.db"
    moved, length = path.stat().st_size, wal_of(path).stat().st_size
    assert 2 * MEGABYTE < moved < length

    async def read() -> list[bytes]:
        store = SqliteStore(path)
        assert store.db.execute("pragma integrity_check").fetchall() == [("ok",)]
        records = await SqliteLedger(store).read(0, 0)
        store.close()
        return [record.body.data for record in records]

    assert run(read()) == [number.to_bytes(2, "big") * 8192 for number in acknowledged]
