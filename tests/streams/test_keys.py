"""Keys of conversations: made once, kept apart, gone for good when destroyed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import PATIENCE_S, DataDirectory, run

from schemas.facts import KeyPressed
from streams.codec import Codec
from streams.fact_writer import FactWriter, fact_event
from streams.keys import DataKey, KeyMissingError, KeyStore, KeysUnavailableError, MemoryKeyStore, SqliteKeyStore
from streams.ports import InboxUnavailableError


@pytest.fixture(params=[SqliteKeyStore, lambda directory: MemoryKeyStore()], ids=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    make: Callable[[Path], KeyStore] = request.param
    return make(tmp_path / "keys")


def test_a_conversation_has_one_key_however_often_it_is_asked_for(store: KeyStore) -> None:
    a, b = store.create("c1"), store.create("c1")
    got = store.get("c1")
    assert got is not None
    assert a.key_id == b.key_id == got.key_id
    assert b.decrypt(a.encrypt(b"words", b"place"), b"place") == b"words"
    assert a.digest_key == got.digest_key


def test_conversations_do_not_share_a_key(store: KeyStore) -> None:
    ours, others = store.create("c1"), store.create("c2")
    assert ours.digest_key != others.digest_key
    with pytest.raises(KeyMissingError):
        others.decrypt(ours.encrypt(b"words", b"place"), b"place")


def test_a_key_that_was_never_made_is_none(store: KeyStore) -> None:
    assert store.get("nobody") is None


def test_a_destroyed_key_is_gone_and_a_new_one_does_not_open_what_it_sealed(store: KeyStore) -> None:
    sealed = store.create("c1").encrypt(b"words", b"place")
    store.destroy("c1")
    assert store.get("c1") is None
    with pytest.raises(KeyMissingError):
        store.create("c1").decrypt(sealed, b"place")


@pytest.mark.parametrize("changed", ["place", "byte", "short"])
def test_what_was_sealed_opens_in_its_place_and_unchanged_alone(changed: str) -> None:
    key = DataKey("k", bytes(32))
    sealed = key.encrypt(b"words", b"place")
    context = b"elsewhere" if changed == "place" else b"place"
    if changed == "byte":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    elif changed == "short":
        sealed = sealed[:5]
    with pytest.raises(KeyMissingError):
        key.decrypt(sealed, context)


def test_keys_survive_their_process_and_are_the_same_for_the_next(tmp_path: Path) -> None:
    made = SqliteKeyStore(tmp_path)
    sealed = made.create("c1").encrypt(b"words", b"place")
    made.close()
    again = SqliteKeyStore(tmp_path)
    key = again.get("c1")
    assert key is not None
    assert key.decrypt(sealed, b"place") == b"words"


def test_two_processes_that_make_a_key_at_once_get_the_same_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from streams.keys import SqliteKeyStore\n"
        "print(SqliteKeyStore(Path(sys.argv[1])).create('c1').digest_key.hex())"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    printed = {process.communicate(timeout=PATIENCE_S)[0] for process in racing}
    assert all(process.returncode == 0 for process in racing)
    assert len(printed) == 1


def test_the_master_key_appears_under_its_name_only_once_it_is_whole_and_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_while_written: list[bool] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        seen_while_written.append((tmp_path / "master.key").exists())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    SqliteKeyStore(tmp_path)
    assert seen_while_written[0] is False
    assert sorted(path.name for path in tmp_path.glob("master*")) == ["master.key"]


def test_a_fact_whose_key_cannot_be_made_now_may_be_put_again(tmp_path: Path) -> None:
    keys = SqliteKeyStore(tmp_path)
    sqlite3.connect(tmp_path / "keys.db").execute("drop table data_key")
    with pytest.raises(KeysUnavailableError):
        keys.create("c1")
    directory = DataDirectory(tmp_path / "data")
    with pytest.raises(InboxUnavailableError):
        run(FactWriter(directory.inbox, Codec(keys)).put(fact_event("c1", KeyPressed(key="1"))))
    directory.close()


def test_the_master_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    SqliteKeyStore(tmp_path)
    mode = (tmp_path / "master.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_data_keys_do_not_lie_open_in_their_file(tmp_path: Path) -> None:
    store = SqliteKeyStore(tmp_path)
    sealed = store.create("c1").encrypt(b"words", b"place")
    (wrapped,) = sqlite3.connect(tmp_path / "keys.db").execute("select wrapped from data_key").fetchone()
    assert len(wrapped) == 12 + 32 + 16
    with pytest.raises(KeyMissingError):
        DataKey("k", wrapped[12:44]).decrypt(sealed, b"place")


def test_another_master_key_is_told_not_taken_for_a_forgotten_conversation(tmp_path: Path) -> None:
    SqliteKeyStore(tmp_path).create("c1")
    (tmp_path / "master.key").write_bytes(bytes(32))
    with pytest.raises(KeyMissingError, match=r"master\.key"):
        SqliteKeyStore(tmp_path).get("c1")


def test_a_damaged_master_key_is_never_replaced(tmp_path: Path) -> None:
    SqliteKeyStore(tmp_path)
    (tmp_path / "master.key").write_bytes(b"short")
    with pytest.raises(KeyMissingError, match="damaged"):
        SqliteKeyStore(tmp_path)
    assert (tmp_path / "master.key").read_bytes() == b"short"
