"""What the SQLite adapters promise beyond the ports."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import DataDirectory, run
from written import body, pressed

from streams.sqlite_store import SqliteStore, StoreUnreadableError


def test_a_fact_that_is_put_again_by_any_process_is_stored_once(data: DataDirectory) -> None:
    other = DataDirectory(data.path)

    async def scenario() -> None:
        for inbox in (data.inbox, other.inbox, data.inbox):
            for event_id in ("a", "b"):
                await inbox.put("c1", event_id, body(pressed("c1", event_id)))

    run(scenario())
    other.close()
    stored = data.store.db.execute("select offset, event_id from inbox order by offset").fetchall()
    assert stored == [(0, "a"), (1, "b")]


def test_a_follower_sees_what_another_process_puts(data: DataDirectory) -> None:
    other = DataDirectory(data.path)

    async def scenario() -> list[int]:
        followed = data.inbox.follow(0, -1)
        await other.inbox.put("c1", "a", body(pressed("c1", "a")))
        offsets = [record.offset for record in await anext(followed)]
        await other.inbox.put("c1", "b", body(pressed("c1", "b")))
        offsets += [record.offset for record in await anext(followed)]
        await followed.aclose()  # type: ignore[attr-defined]
        return offsets

    assert run(scenario()) == [0, 1]
    other.close()


@pytest.mark.parametrize("content", [b"this is no database at all, whatever its name says" * 40, None])
def test_a_file_that_is_no_log_is_refused_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "log.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreUnreadableError, match=r"log\.db"):
        SqliteStore(path)
