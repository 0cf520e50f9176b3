"""The intake, whatever it is made of: a message that was acknowledged is there, as it came, and readable by its key alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from broker import bootstrap, topics_for
from support import PATIENCE_S, run

from streams.intake import Intake, IntakeUnavailableError, Received, TakenIn, data_key_of, key_of
from streams.kafka.connection import connected
from streams.kafka.intake import KafkaIntake
from streams.kafka.topics import create_topics
from streams.keys import MemoryKeyStore
from streams.partitioner import partition_of
from streams.sqlite import SqliteLedger
from streams.sqlite_intake import SqliteIntake
from streams.sqlite_store import SqliteStore

PARTITIONS = 8
Open = Callable[[], AbstractAsyncContextManager[Intake]]
KEYS = MemoryKeyStore()
MAIL = Received(
    "mail", "<7@example.org>", (("subject", "My card"), ("received", "a"), ("received", "b")), b"\x00lost\xff"
)


@pytest.fixture(params=["sqlite", "kafka"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the intake, each time as another process would."""

    @asynccontextmanager
    async def sqlite() -> AsyncIterator[Intake]:
        store = SqliteStore(tmp_path / "log.db")
        try:
            yield SqliteIntake(store, KEYS, SqliteLedger(store).sync, PARTITIONS)
        finally:
            store.close()

    @asynccontextmanager
    async def kafka() -> AsyncIterator[Intake]:
        topics = topics_for(tmp_path, PARTITIONS)
        await create_topics(bootstrap(), topics)
        async with connected(bootstrap()) as connection:
            yield KafkaIntake(connection, topics, KEYS)

    return sqlite if request.param == "sqlite" else kafka


def _partition(message: Received) -> int:
    return partition_of(key_of(message.source, message.id), PARTITIONS)


async def _first(intake: Intake, partition: int, count: int, after: int = -1) -> list[TakenIn]:
    found: list[TakenIn] = []
    following = intake.follow(partition, after)
    async with asyncio.timeout(PATIENCE_S):
        async for taken in following:
            found += taken
            if len(found) >= count:
                break
    await following.aclose()  # type: ignore[attr-defined]
    return found


def test_a_message_is_there_for_the_next_process_byte_for_byte(opening: Open) -> None:
    async def check() -> None:
        async with opening() as intake:
            await intake.put(MAIL)
        async with opening() as intake:
            (taken,) = await _first(intake, _partition(MAIL), 1)
            assert taken.message == MAIL
            assert (taken.source, taken.id, taken.offset) == ("mail", MAIL.id, 0)
            assert taken.received_at_us > 1_700_000_000_000_000

    run(check())


def test_messages_of_one_partition_come_in_their_order_from_any_place(opening: Open) -> None:
    async def check() -> None:
        messages = [MAIL._replace(id=f"m{number}") for number in range(40)]
        mine = [message for message in messages if _partition(message) == 3]
        assert len(mine) > 2
        async with opening() as intake:
            for message in messages:
                await intake.put(message)
            taken = await _first(intake, 3, len(mine))
            assert [found.message for found in taken] == mine
            behind = await _first(intake, 3, len(mine) - 1, after=taken[0].offset)
            assert [found.message for found in behind] == mine[1:]

    run(check())


def test_a_follower_is_told_of_what_comes_later(opening: Open) -> None:
    async def check() -> None:
        async with opening() as intake:
            waiting = asyncio.create_task(_first(intake, _partition(MAIL), 1))
            await asyncio.sleep(0.05)
            await intake.put(MAIL)
            assert [found.message for found in await waiting] == [MAIL]

    run(check())


def test_a_message_that_was_put_again_is_the_same_message(opening: Open) -> None:
    async def check() -> None:
        async with opening() as intake:
            await intake.put(MAIL)
            await intake.put(MAIL)
            last = MAIL._replace(
                id=next(i for i in map(str, range(99)) if _partition(MAIL._replace(id=i)) == _partition(MAIL))
            )
            await intake.put(last)
            taken = await _first(intake, _partition(MAIL), 2)
            if taken[-1].message != last:
                taken += await _first(intake, _partition(MAIL), 1, after=taken[-1].offset)
            assert list(dict.fromkeys(found.message for found in taken)) == [MAIL, last]

    run(check())


def test_without_its_key_only_its_id_is_left(opening: Open) -> None:
    async def check() -> None:
        forgotten = MAIL._replace(id="forgotten")
        async with opening() as intake:
            await intake.put(forgotten)
            KEYS.destroy(data_key_of(key_of("mail", "forgotten")))
            (taken,) = await _first(intake, _partition(forgotten), 1)
            assert (taken.id, taken.message) == ("forgotten", None)

    run(check())


@pytest.mark.parametrize("source", ["", "a/b"])
def test_a_source_that_cant_stand_in_a_key_is_refused(opening: Open, source: str) -> None:
    async def check() -> None:
        async with opening() as intake:
            with pytest.raises(ValueError, match="source"):
                await intake.put(MAIL._replace(source=source))

    run(check())


def test_what_a_message_says_stands_nowhere_in_the_file(tmp_path: Path) -> None:
    async def check() -> None:
        store = SqliteStore(tmp_path / "log.db")
        await SqliteIntake(store, KEYS, SqliteLedger(store).sync).put(MAIL._replace(body=b"lost wallet"))
        store.close()

    run(check())
    kept = [path.read_bytes() for path in tmp_path.iterdir()]
    assert any(MAIL.id.encode() in data for data in kept)
    assert not any(b"wallet" in data or b"My card" in data for data in kept)


def test_a_store_that_takes_nothing_says_so(tmp_path: Path) -> None:
    async def check() -> None:
        store = SqliteStore(tmp_path / "log.db")
        store.db.execute("pragma query_only=on")
        with pytest.raises(IntakeUnavailableError, match="took nothing"):
            await SqliteIntake(store, KEYS, SqliteLedger(store).sync).put(MAIL)
        store.close()

    run(check())
