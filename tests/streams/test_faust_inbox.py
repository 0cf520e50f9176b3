"""The inbox that Faust's stream is merged into: each record once, in order, whatever Faust delivers, skips or repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from support import PATIENCE_S, run

from streams.codec import Body
from streams.hosts import faust_inbox
from streams.hosts.faust_inbox import FaustInbox
from streams.ports import InboxRecord

PARTITION = 0


class Log:
    """An inbox whose records are ``written`` by the test. ``followers``: how many read it now."""

    partitions = 1

    def __init__(self) -> None:
        self.length = 0
        self.followers = 0
        self._news = asyncio.Condition()

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        await self.write(1)

    async def write(self, count: int) -> None:
        async with self._news:
            self.length += count
            self._news.notify_all()

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
        self.followers += 1
        try:
            while True:
                async with self._news:
                    while self.length <= after + 1:
                        await self._news.wait()
                records = [record(offset) for offset in range(after + 1, self.length)]
                after = self.length - 1
                yield records
        finally:
            self.followers -= 1


def record(offset: int) -> InboxRecord:
    return InboxRecord(PARTITION, offset, "c1", Body("KeyPressed", 1, b""))


class Taken:
    """What the owner has taken of the inbox."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self._news = asyncio.Event()

    async def take_all(self, inbox: FaustInbox, after: int) -> None:
        async with aclosing(inbox.follow(PARTITION, after)) as following:  # type: ignore[type-var]
            async for records in following:
                self.offsets += [record.offset for record in records]
                self._news.set()

    async def until(self, offset: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.offsets[-1:] != [offset]:
                self._news.clear()
                await self._news.wait()


def follow(work: Callable[[Log, FaustInbox, Taken], Awaitable[None]], *, written: int = 0, after: int = -1) -> Any:
    """Runs ``work`` beside an owner; returns the offsets that it took."""

    async def scenario() -> list[int]:
        log, taken = Log(), Taken()
        await log.write(written)
        inbox = FaustInbox(log)
        inbox.assigned({PARTITION})
        taking = asyncio.create_task(taken.take_all(inbox, after))
        await taken.until(written - 1) if written > after + 1 else await asyncio.sleep(0)
        await work(log, inbox, taken)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        assert log.followers == 0
        return taken.offsets

    return run(scenario())


def test_an_owner_begins_on_the_log_and_goes_on_with_what_faust_delivers() -> None:
    async def work(log: Log, inbox: FaustInbox, taken: Taken) -> None:
        assert inbox.from_faust == frozenset()
        inbox.offer(record(5))
        assert inbox.from_faust == {PARTITION}
        await taken.until(5)
        inbox.offer(record(6))
        await taken.until(6)

    assert follow(work, written=5, after=1) == [2, 3, 4, 5, 6]


def test_what_faust_delivers_again_is_taken_once() -> None:
    async def work(log: Log, inbox: FaustInbox, taken: Taken) -> None:
        for offset in (3, 4, 5, 4, 5, 6, 5, 6, 7):
            inbox.offer(record(offset))
        await taken.until(7)

    assert follow(work, written=5) == list(range(8))


def test_what_faust_leaves_out_is_read_from_the_log() -> None:
    async def work(log: Log, inbox: FaustInbox, taken: Taken) -> None:
        inbox.offer(record(5))
        await log.write(4)
        inbox.offer(record(8))
        assert inbox.from_faust == frozenset()
        await taken.until(8)

    assert follow(work, written=5) == list(range(9))


def test_while_a_group_rebalances_the_log_is_followed_and_stale_deliveries_count_for_nothing() -> None:
    async def work(log: Log, inbox: FaustInbox, taken: Taken) -> None:
        inbox.offer(record(5))
        await taken.until(5)
        inbox.revoked()
        inbox.offer(record(6))
        await asyncio.sleep(0)
        assert taken.offsets[-1] == 5
        await log.write(3)
        await taken.until(7)

    assert follow(work, written=5) == list(range(8))


def test_a_faust_that_lies_far_behind_is_not_waited_for() -> None:
    async def work(log: Log, inbox: FaustInbox, taken: Taken) -> None:
        inbox.offer(record(0))
        assert inbox.from_faust == frozenset()
        await log.write(1)
        await taken.until(200)
        inbox.offer(record(150))  # soon it has come up
        assert inbox.from_faust == {PARTITION}

    assert follow(work, written=200) == list(range(201))


def test_a_slow_owner_holds_no_more_than_it_may_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_inbox, "MAX_READY", 10)

    async def work(log: Log, inbox: FaustInbox, taken: Taken) -> None:
        await log.write(50)
        for offset in range(50):
            inbox.offer(record(offset))  # before the owner gets a turn
        assert inbox.from_faust == frozenset()
        await taken.until(49)

    assert follow(work) == list(range(50))


def test_an_owner_hears_what_ended_the_reading_of_the_log() -> None:
    class BrokenError(Exception):
        pass

    class Broken(Log):
        async def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
            raise BrokenError
            yield []

    async def scenario() -> None:
        with pytest.raises(BrokenError):
            await Taken().take_all(FaustInbox(Broken()), -1)

    run(scenario())
