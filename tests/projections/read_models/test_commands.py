"""The command line of read models, on a recorded call and on a real broker."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from commands import failed, finished, ledgerline, start
from mixed_log import RECORDED, log_of, mixed_log
from rows import everything
from support import DataDirectory, eventually, run

from console import read_models as console_read_models
from projections.projecting import Log, catch_up, follow
from projections.read_model_store import MovedElsewhereError, ReadModelStore
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS
from streams.kafka.log import opened
from streams.ports import Entry


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A data directory with calls in it, as the commands find it."""
    data = DataDirectory(tmp_path)
    mixed_log(data, names=RECORDED[:2])
    data.close()
    for suffix in ("", "-wal", "-shm"):
        part = tmp_path / f"log.db{suffix}"
        if part.exists():
            part.rename(tmp_path / f"ledger.db{suffix}")
    return tmp_path


def test_an_analyst_projects_lists_and_asks(directory: Path) -> None:
    projected = ledgerline("project", "--data", directory, "--json")
    assert projected.code == 0
    assert {row["name"]: (row["behind"], row["fit"]) for row in projected.json} == dict.fromkeys(
        READ_MODELS, (0, "fits")
    )
    assert ledgerline("project", "list", "--data", directory, "--json").json == projected.json
    asked = ledgerline(
        "sql", "select count(*) as calls, sum(turns) as turns from conversations", "--data", directory, "--json"
    )
    assert asked.json[0]["calls"] == 2
    assert asked.json[0]["turns"] > 2
    assert "calls" in ledgerline("sql", "select 1 as calls", "--data", directory).out


def test_a_query_alone_brings_the_rows_up_to_the_log(directory: Path) -> None:
    asked = ledgerline("sql", "select conversation_id from conversations", "--data", directory, "--json")
    assert len(asked.json) == 2


def test_a_rebuilt_read_model_is_listed_with_its_rows(directory: Path) -> None:
    before = ledgerline("project", "--data", directory, "--json").json
    rebuilt = ledgerline("project", "rebuild", "turns", "--data", directory, "--json").json
    assert rebuilt == [row for row in before if row["name"] == "turns"]


def test_the_list_counts_rows_as_a_query_does_and_their_states_apart(directory: Path) -> None:
    listed = {row["name"]: row for row in ledgerline("project", "--data", directory, "--json").json}
    for name in ("conversations", "turns", "verdicts"):
        query = f"select (select count(*) from {name}) as rows, (select count(*) from {name}_history) as states"
        (counted,) = ledgerline("sql", query, "--data", directory, "--json").json
        assert (listed[name]["rows"], listed[name]["states"]) == (counted["rows"], counted["states"])
    assert listed["conversations"]["rows"] == 2
    assert listed["conversations"]["states"] > 2


@pytest.mark.parametrize(
    "command",
    [
        ("calls",),
        ("show", "last"),
        ("why", "last", "t1"),
        ("replay", "last"),
        ("replay", "--all"),
        ("verify",),
        ("sql", "select count(*) from conversations"),
        ("as-of", "0:400", "sql", "select 1"),
        ("as-of", "call:last", "show", "last"),
        ("project",),
        ("project", "rebuild", "turns"),
    ],
)
def test_a_log_whose_beginning_is_gone_is_told_of_and_never_read_as_a_shorter_one(
    directory: Path, command: tuple[str, ...]
) -> None:
    db = sqlite3.connect(directory / "ledger.db")
    with db:
        db.execute("delete from log where offset < 300")
    db.close()
    failed(ledgerline(*command, "--data", directory), 1, "records 0 to 299 were deleted", "backup")


def test_a_step_that_is_gone_from_the_middle_of_a_call_is_told_of_by_whoever_shows_it(directory: Path) -> None:
    (call_id,) = ledgerline("sql", "select max(conversation_id) from conversations", "--data", directory, "--json").json
    name = next(iter(call_id.values()))
    db = sqlite3.connect(directory / "ledger.db")
    offsets = [
        row[0] for row in db.execute("select offset from log where conversation_id = ? order by offset", (name,))
    ]
    with db:
        db.executemany("delete from log where offset = ?", [(offset,) for offset in offsets[60:90]])
    db.close()
    for command in (("show", name), ("as-of", f"call:{name}", "show", name)):
        ran = ledgerline(*command, "--data", directory)
        assert "the log is damaged" in ran.err
    told = ledgerline("project", "rebuild", "turns", "--data", directory).err
    assert "can't be read, or records are gone there" in told


def test_what_cannot_be_asked_is_one_message(directory: Path, tmp_path: Path) -> None:
    at = ("--data", directory)
    failed(ledgerline("sql", "delete from turns", *at), 2, "only read", "DELETE")
    failed(ledgerline("sql", "select x from turns", *at), 2, 'column "x" not found')
    failed(ledgerline("as-of", "2001-01-01", "sql", "select 1", *at), 2, "before the log began")
    failed(ledgerline("as-of", "2999-01-01", "show", "last", *at), 2, "after the log's end")
    failed(ledgerline("as-of", "0:0", "show", "last", *at), 2, "hadn't begun")
    failed(ledgerline("as-of", "0:5", "dance", "last", *at), 2, "show CALL")
    failed(ledgerline("project", "dance", *at), 2, "project rebuild NAME")
    failed(ledgerline("project", "rebuild", "dances", *at), 2, "no read model 'dances'", "turns")
    failed(ledgerline("sql", "select 1", *at, "--store", "mysql://x"), 1, "sqlite:///FILE or postgresql://")
    failed(ledgerline("sql", "select 1", *at, "--store", "postgresql://nobody@127.0.0.1:1/x"), 1, "can't be opened")
    failed(
        ledgerline("sql", "select 1", *at, "--store", "postgresql://u:hunter2@[::1"),
        1,
        "such as postgresql://USER@HOST",
    )
    failed(ledgerline("sql", "select 1", "--data", tmp_path / "none"), 2, "holds no log yet")
    failed(ledgerline("export", "--parquet", directory, *at), 2, "isn't empty")


def test_a_store_that_takes_nothing_is_one_message_and_loses_nothing(directory: Path) -> None:
    url = f"sqlite:///{directory / 'read_models.db'}"
    with ReadModelStore(url) as store:
        members_of(store, standings(store, READ_MODELS))
    with sqlite3.connect(directory / "read_models.db") as database:
        database.execute("create trigger full before insert on turns_g1 begin select raise(abort, 'disk is full'); end")
    failed(ledgerline("project", "--data", directory), 1, "the read models can't be used: disk is full")
    failed(ledgerline("sql", "select 1", "--data", directory), 1, "disk is full")
    with sqlite3.connect(directory / "read_models.db") as database:
        database.execute("drop trigger full")
    assert ledgerline("project", "--data", directory, "--json").code == 0


def test_a_call_is_shown_as_it_was(directory: Path) -> None:
    whole = ledgerline("show", "last", "--data", directory, "--json").json
    ends = ledgerline(
        "sql", "select max(from_offset) as o from conversations_history", "--data", directory, "--json"
    ).json
    shown = ledgerline("as-of", f"0:{ends[0]['o'] // 2}", "show", "last", "--data", directory, "--json").json
    assert 0 < shown["events"] < whole["events"]
    assert (
        ledgerline("as-of", "call:last", "show", "last", "--data", directory, "--json").json["events"]
        == whole["events"]
    )
    assert "last" not in ledgerline("as-of", "call:last", "show", "last", "--data", directory).err


def test_parquet_files_are_written_by_day(directory: Path, tmp_path: Path) -> None:
    written = ledgerline("export", "--parquet", tmp_path / "out", "--data", directory, "--json").json
    assert written["conversations"] == 2
    assert list((tmp_path / "out" / "turns" / "day=2025-06-15").glob("*.parquet"))


def test_who_follows_ends_when_told_to_and_whoever_is_killed_is_gone_on_from(directory: Path) -> None:
    for stop in (signal.SIGKILL, signal.SIGTERM):
        process = start("project", "--follow", "--data", directory, folder=directory)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("following the log")
        process.send_signal(stop)
        ran = finished(process)
        assert ran.code == (0 if stop is signal.SIGTERM else -signal.SIGKILL), ran
    assert ledgerline("sql", "select * from conversations", "--data", directory, "--json").json


def test_who_follows_is_told_at_once_which_read_models_are_left_out(directory: Path) -> None:
    assert ledgerline("project", "--data", directory).code == 0
    with sqlite3.connect(directory / "read_models.db") as db:
        db.execute("update read_model set version = version - 1 where name = 'turns'")
    db.close()
    process = start("project", "--follow", "--data", directory, folder=directory)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "ledgerline project rebuild turns" in first, first
    assert process.stderr.readline().startswith("following the log")
    process.send_signal(signal.SIGTERM)
    ran = finished(process)
    assert (ran.code, "rebuild turns" in ran.err) == (1, False), ran  # said once


def test_a_log_on_kafka_gives_the_same_rows_and_is_followed(
    data: DataDirectory, store: ReadModelStore, tmp_path: Path
) -> None:
    mixed_log(data, names=RECORDED[:2])
    records = run(data.ledger.read(0, 0, 100_000))
    with ReadModelStore(f"sqlite:///{tmp_path / 'embedded.db'}") as embedded:
        run(catch_up(embedded, log_of(data), members_of(embedded, standings(embedded, READ_MODELS))))
        expected = everything(embedded)
    middle = len(records) // 2

    async def on_kafka() -> None:
        log = opened(bootstrap(), topics_for(tmp_path, 1), local=tmp_path / "kafka.db")
        async with log as stores:
            entries = [Entry(r.conversation_id, r.body) for r in records]
            await stores.ledger.append(0, entries[:middle])
            members = members_of(store, standings(store, READ_MODELS))
            source = Log(stores.ledger, log_of(data).behaviours)
            await catch_up(store, source, members)
            following = asyncio.create_task(follow(store, source, members))
            await stores.ledger.append(0, entries[middle:])

            async def there() -> bool | None:
                assert not following.done(), following.exception()
                live = store.generations()["turns"]
                return store.checkpoints(live)[0].offset >= len(records) or None

            await eventually(there)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    run(on_kafka())
    assert everything(store) == expected


def test_rows_that_another_process_projects_are_waited_for_and_what_is_missing_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an answer as of a moment would be of an earlier one."""

    async def moved(*_: object) -> None:
        raise MovedElsewhereError("another process projects")

    monkeypatch.setattr(console_read_models, "PATIENCE_S", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(console_read_models, "catch_up", moved)
        early = ledgerline("sql", "select count(*) as n from turns", "--data", directory, "--json")
        assert (early.code, early.json) == (0, [{"n": 0}])
        assert re.search(r"the rows are \d{3,} records behind the log: another process", early.err), early.err
    assert ledgerline("project", "--data", directory).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(console_read_models, "catch_up", moved)
        there = ledgerline("sql", "select count(*) as n from turns", "--data", directory, "--json")
        assert (there.code, there.json[0]["n"] > 0, there.err) == (0, True, "")
