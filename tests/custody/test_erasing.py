"""Dead letters that stand in the clear leave nothing behind, in no page and no write-ahead log, whatever comes in between."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from recorded_log import CALLER
from searching import files_with
from support import run

from console.settings import load_settings
from console.workspace import open_workspace
from projections import read_model_versions
from projections.read_model_store import MovedElsewhereError
from streams import sqlite_erasing, sqlite_wal
from streams.codec import Body
from streams.ports import Snapshot
from streams.sqlite import SqliteInbox
from streams.sqlite_store import SqliteStore
from tests.calls.commands import Ran, failed, ledgerline

ORDER = ("--reference", "DSR-1", "--by", "dpo")
IN_THE_CLEAR = "what nobody could read said Persephone"


def forget(data: Path) -> Ran:
    return ledgerline("forget", CALLER, *ORDER, "--data", data, "--json")


def put_poison(data: Path, count: int) -> None:
    """Records that nobody can read, every seventh of them of the call: their owner puts them to the dead letters. Written as
    by a SQLite that doesn't overwrite what it moves: whether it does is settled when it is built."""
    chance, store = random.Random(1), SqliteStore(data / "ledger.db")
    store.db.execute("pragma secure_delete=off")

    async def put() -> None:
        inbox = SqliteInbox(store)
        for number in range(count):
            other = chance.randbytes(chance.randint(50, 1500))
            await inbox.put("somebody-else", f"other-{number}", Body("Nonsense", 1, other))
            if number % 7 == 0:
                await inbox.put("call-1", f"poison-{number}", Body("Nonsense", 1, IN_THE_CLEAR.encode() * 10))

    run(put())
    store.close()
    ledgerline("retention", "0", *ORDER, "--data", data)  # this command owns the log while it notes something


@contextmanager
def reader(data: Path) -> Iterator[sqlite3.Connection]:
    """Another process that looks at the log; while it is connected the write-ahead log stays."""
    with closing(sqlite3.connect(data / "ledger.db", isolation_level=None)) as database:
        database.execute("select count(*) from log").fetchone()
        yield database


def test_what_sqlite_moved_between_pages_is_gone_too(data: Path) -> None:
    put_poison(data, 150)
    assert files_with(data, IN_THE_CLEAR)
    assert forget(data).json["erased"]["dead_letters"] == 22
    assert files_with(data, IN_THE_CLEAR) == []
    assert ledgerline("verify", "--data", data, "--json").json["problems"] == []


def test_its_snapshot_goes_with_it_and_others_stay(data: Path) -> None:
    async def kept(*saved: str) -> set[str]:
        async with open_workspace(load_settings(data), create=False) as workspace:
            snapshots = workspace.stores.snapshots
            assert snapshots
            for name in saved:
                await snapshots.save(Snapshot(0, name, 1, 9, 9, b"hash", b"", b"state"))
            return {name for name in ("call-1", "call-10") if await snapshots.load(0, name)}

    assert run(kept("call-1", "call-10")) == {"call-1", "call-10"}
    assert forget(data).code == 0
    assert run(kept()) == {"call-10"}


def test_read_models_that_somebody_else_builds_anew_meanwhile_are_told_of(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(*_: object) -> None:
        raise MovedElsewhereError("another process rebuilt turns meanwhile")

    assert ledgerline("project", "--data", data).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(read_model_versions, "rebuild", moved)
        failed(forget(data), 1, "all else is erased", "another process rebuilt turns", "run it again")
    assert "turns" in forget(data).json["erased"]["read_models"]


def test_a_reader_who_is_in_the_way_is_told_of_and_the_next_run_leaves_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_poison(data, 1)
    with reader(data) as other, monkeypatch.context() as patch:
        patch.setattr(sqlite_wal, "BUSY_TIMEOUT_S", 0.01)
        other.execute("begin")
        other.execute("select count(*) from log").fetchone()
        failed(forget(data), 1, "another process reads ledger.db", "run it again")
        assert files_with(data, IN_THE_CLEAR)
        other.execute("rollback")
        assert forget(data).json["erased"]["dead_letters"] == 0
        assert files_with(data, IN_THE_CLEAR) == []


def test_a_run_that_dies_before_the_file_is_written_anew_is_finished_by_the_next(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_poison(data, 1)

    def dies(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    with reader(data):
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_erasing, "_write_anew", dies)
            assert forget(data).code == 1
        assert files_with(data, IN_THE_CLEAR)
        assert forget(data).code == 0
        assert files_with(data, IN_THE_CLEAR) == []
