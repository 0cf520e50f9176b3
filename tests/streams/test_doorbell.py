"""Processes that share a file hear of each other's commits at once."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from support import PATIENCE_S, run

from streams import sqlite_store
from streams.codec import Body
from streams.doorbell import Doorbell
from streams.sqlite import SqliteInbox
from streams.sqlite_store import SqliteStore

NEVER_S = 3600.0


@pytest.fixture(autouse=True)
def temporary_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bell-") as folder:  # tmp_path's own is too long for a socket
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def shared(folder: Path, name: str = "log.sqlite") -> Path:
    path = folder / name
    path.touch()
    return path


async def heard_from(listener: Doorbell, *rings: Doorbell) -> bool:
    """Whether ``listener`` heard anything of one ring of each."""
    heard = asyncio.Event()
    with listener.listening(heard.set) as has_bell:
        assert has_bell
        for bell in rings:
            bell.ring()
        for _ in range(50):  # a datagram on one machine is there as soon as it was sent
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        return heard.is_set()


def test_who_listens_hears_another_ring_for_the_same_file(tmp_path: Path) -> None:
    path = shared(tmp_path)
    link = tmp_path / "by-another-name"
    link.symlink_to(path)
    assert run(heard_from(Doorbell(path), Doorbell(link)))


def test_nobody_hears_another_file_s_bell_or_ones_own(tmp_path: Path) -> None:
    mine = Doorbell(shared(tmp_path))
    assert not run(heard_from(mine, mine, Doorbell(shared(tmp_path, "other.sqlite"))))


def test_who_came_after_the_last_ring_is_rung_at_the_next(tmp_path: Path) -> None:
    path = shared(tmp_path)
    bell = Doorbell(path)

    async def scenario() -> list[bool]:
        return [await heard_from(Doorbell(path), bell) for _ in range(3)]

    assert run(scenario()) == [True, True, True]


def test_the_socket_of_a_process_that_died_is_put_away(tmp_path: Path, temporary_files: Path) -> None:
    bell = Doorbell(path := shared(tmp_path))
    folder = temporary_files / f"ledgerline-{os.getuid()}" / f"{path.stat().st_dev:x}-{path.stat().st_ino:x}"
    folder.mkdir()
    left = folder / "1-dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(left))
    assert left.is_socket()
    bell.ring()
    assert not left.exists()


def test_who_listened_leaves_nothing_behind(tmp_path: Path, temporary_files: Path) -> None:
    path = shared(tmp_path)
    assert run(heard_from(Doorbell(path), Doorbell(path)))
    assert list(temporary_files.glob("ledgerline-*/*")) == []


def test_a_folder_that_others_may_write_into_is_not_used(tmp_path: Path, temporary_files: Path) -> None:
    ours = temporary_files / f"ledgerline-{os.getuid()}"
    ours.mkdir()
    ours.chmod(0o777)

    async def scenario() -> bool:
        bell = Doorbell(shared(tmp_path))
        bell.ring()
        with bell.listening(lambda: None) as has_bell:
            return has_bell

    assert not run(scenario())


async def followed(path: Path) -> bool:
    """Whether a follower on one connection comes to see a put over another."""
    reading, writing = SqliteStore(path), SqliteStore(path)
    try:
        async with asyncio.timeout(PATIENCE_S), aclosing(reading.changes()) as changes:
            put = asyncio.create_task(_put_later(SqliteInbox(writing)))
            async for _ in changes:
                if reading.db.execute("select 1 from inbox").fetchone():
                    await put
                    return True
    finally:
        reading.close()
        writing.close()
    return False


async def _put_later(inbox: SqliteInbox) -> None:
    await asyncio.sleep(0.1)  # by then the follower has looked and waits
    await inbox.put("c1", "e1", Body("UtteranceHeard", 1, b"x"))


def test_a_commit_by_another_connection_is_followed_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "BELL_POLL_S", NEVER_S)
    assert run(followed(tmp_path / "log.sqlite"))


def test_where_no_bell_can_be_had_commits_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "BELL_POLL_S", NEVER_S)
    long = tmp_path / ("temporary" * 20)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))  # no socket's path may be as long
    assert run(followed(tmp_path / "log.sqlite"))
