"""Queries read, and nothing else; what people said is readable with the keys alone, in Parquet files too."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from mixed_log import RECORDED, log_of, mixed_log
from rows import current_rows
from support import DataDirectory, run

from projections.analytics import Analytics, QueryError
from projections.projecting import catch_up
from projections.read_model_store import ReadModelStore
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS
from projections.sealed_text import opened
from schemas import decisions as d
from streams.keys import KeyMissingError, MemoryKeyStore


def project(store: ReadModelStore, data: DataDirectory) -> None:
    run(catch_up(store, log_of(data), members_of(store, standings(store, READ_MODELS))))


def test_a_query_gets_the_texts_with_the_keys_and_null_where_they_were_forgotten(
    data: DataDirectory, store: ReadModelStore
) -> None:
    calls = mixed_log(data, names=RECORDED[:2])
    project(store, data)
    first, second = sorted(calls)
    query = "select conversation_id, text from candidates order by conversation_id"
    with Analytics(store, data.keys) as analytics:
        texts = analytics.ask(query).rows
    formed = [
        (e.conversation_id, e.payload.text)
        for c in calls.values()
        for e in c
        if isinstance(e.payload, d.CandidateFormed)
    ]
    assert sorted(texts) == sorted(formed)
    data.keys.destroy(first)
    with Analytics(store, data.keys) as analytics:
        after = analytics.ask(query).rows
    assert all((text is None) == (name == first) for name, text in after)
    assert {name for name, _ in after} == {first, second}


def test_a_text_that_was_changed_or_moved_is_told_and_not_shown(
    data: DataDirectory, sqlite_store: ReadModelStore, tmp_path: Path
) -> None:
    calls = mixed_log(data, names=RECORDED[:1])
    project(sqlite_store, data)
    foreign = MemoryKeyStore()
    foreign.create(next(iter(calls)))
    with Analytics(sqlite_store, foreign) as analytics, pytest.raises(KeyMissingError):
        analytics.ask("select text from candidates")
    with Analytics(sqlite_store, foreign) as analytics:
        assert analytics.ask("select count(*) from candidates").rows[0][0] > 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("selec 1", "syntax error"),
        ("select nothing from turns", 'column "nothing" not found'),
        ("select * from nowhere", "nowhere does not exist"),
        ("", "one statement at a time, not 0"),
        ("select 1; select 2", "one statement at a time, not 2"),
        ("delete from turns", "only read: DELETE"),
        ("update turns set holds = 0", "only read: UPDATE"),
        ("insert into turns select * from turns", "only read: INSERT"),
        ("drop view turns", "only read: DROP"),
        ("create table x as select 1", "only read: CREATE"),
        ("copy turns to 'turns.csv'", "only read: COPY"),
        ("attach 'x.db'", "only read: ATTACH"),
        ("install httpfs", "only read"),
        ("load httpfs", "only read"),
        ("set threads = 1", "only read: SET"),
        ("pragma database_list", "only read: PRAGMA"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("select * from read_text('/etc/passwd')", "disabled by configuration"),
        ("select * from 'turns.parquet'", "disabled by configuration|does not exist"),
        ("select * from query", "does not exist"),
    ],
)
def test_what_does_not_only_read_the_rows_is_refused(sqlite_store: ReadModelStore, query: str, said: str) -> None:
    with Analytics(sqlite_store, MemoryKeyStore()) as analytics, pytest.raises(QueryError, match=said):
        analytics.ask(query)


@pytest.mark.parametrize("reads", ["read_json('{}')", "read_parquet('{}')", "read_parquet('{}.not-there')", "'{}'"])
def test_no_file_is_opened_to_find_out_what_a_query_names(
    sqlite_store: ReadModelStore, tmp_path: Path, reads: str
) -> None:
    file = tmp_path / "secret.json"
    file.write_text("not JSON, and not to be told of")
    with Analytics(sqlite_store, MemoryKeyStore()) as analytics, pytest.raises(QueryError) as refused:
        analytics.ask(f"select * from {reads.format(file)}")
    assert "disabled by configuration" in str(refused.value) or "does not exist" in str(refused.value)


def test_every_table_and_column_of_the_definitions_can_be_asked(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    mixed_log(data, names=RECORDED[:1])
    project(sqlite_store, data)
    for name, model in READ_MODELS.items():
        wanted = ", ".join(column.name for column in model.columns)
        with Analytics(sqlite_store, data.keys) as analytics:
            assert len(analytics.ask(f"select {wanted} from {name}").rows) == len(current_rows(sqlite_store, name))
        with Analytics(sqlite_store, data.keys) as analytics:
            answer = analytics.ask(f"select * from {name}_history")
            assert {"from_offset", "from_at", "to_us"} <= set(answer.columns)


def test_history_holds_every_version_and_not_those_alone_that_hold(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    mixed_log(data, names=RECORDED[:1])
    project(sqlite_store, data)
    for name, model in READ_MODELS.items():
        versions, now = sum(map(len, sqlite_store.rows(model))), len(current_rows(sqlite_store, name))
        with Analytics(sqlite_store, data.keys) as analytics:
            assert analytics.ask(f"select count(*) from {name}_history").rows == [(versions,)]
            both = f"select (select count(*) from {name.upper()}), (select count(*) from {name.upper()}_HISTORY)"
            assert analytics.ask(both).rows == [(now, versions)]
    assert sum(map(len, sqlite_store.rows(READ_MODELS["turns"]))) > len(current_rows(sqlite_store, "turns"))


def test_parquet_files_lie_by_day_and_hold_ciphertext(
    data: DataDirectory, sqlite_store: ReadModelStore, tmp_path: Path
) -> None:
    mixed_log(data, names=RECORDED[:2])
    project(sqlite_store, data)
    out = tmp_path / "it's parquet"
    with Analytics(sqlite_store, data.keys) as analytics:
        written = {name: analytics.write_parquet(model, out / name) for name, model in READ_MODELS.items()}
    assert written == {name: len(current_rows(sqlite_store, name)) for name in READ_MODELS}
    days = {path.name for path in (out / "turns").iterdir()}
    assert days == {"day=2025-06-15"}
    place = str(out / "turns" / "**" / "*.parquet").replace("'", "''")
    heard = duckdb.sql(f"select heard from read_parquet('{place}') where heard is not null").fetchall()
    texts = {opened(text, data.keys) for (text,) in heard}
    assert texts == {opened(row["heard"], data.keys) for row in current_rows(sqlite_store, "turns")} - {None}
    of_calls = [out / name for name, model in READ_MODELS.items() if model.fold]  # what we publish may hold such words
    everything = b"".join(path.read_bytes() for folder in of_calls for path in folder.rglob("*.parquet"))
    told = {text for text in texts if text and " " in text}  # a backchannel is part of many a word
    assert told
    assert not any(text.encode() in everything for text in told)
