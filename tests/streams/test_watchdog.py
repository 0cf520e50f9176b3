"""A process that stands still is ended; one that has nothing to do, or whose broker is away, is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from support import PATIENCE_S, run

from streams.watchdog import Progress, Watchdog

TICK_S = 0.01


class Told:
    def __init__(self) -> None:
        self.why: list[str] = []

    def __call__(self, why: str) -> None:
        self.why.append(why)

    async def until(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            while not self.why:  # noqa: ASYNC110  told from another thread
                await asyncio.sleep(TICK_S)
        return self.why[0]


def watching(told: Told, *readings: Mapping[int, Progress]) -> tuple[Watchdog, asyncio.Event]:
    """Gives one reading a tick, the last one over and over; the event is set once all were given."""
    left, over = list(readings), asyncio.Event()

    async def read() -> Mapping[int, Progress]:
        if len(left) > 1:
            return left.pop(0)
        over.set()
        return left[0]

    return Watchdog(read, told, tick_s=TICK_S, loop_ticks=5, partition_ticks=3), over


def test_a_partition_that_takes_nothing_while_facts_wait_is_told() -> None:
    async def scenario() -> str:
        told = Told()
        watchdog, _ = watching(told, {4: Progress(taken=10, newest=12)})
        async with watchdog:
            return await told.until()

    assert run(scenario()) == "partition 4: nothing was taken for 0.03 s, though 2 facts wait"


def test_slow_progress_is_progress_and_an_empty_inbox_is_none_of_its_business() -> None:
    async def scenario() -> list[str]:
        told = Told()
        slow = [{0: Progress(taken, 1000), 1: Progress(7, 7)} for taken in range(8)]
        watchdog, over = watching(told, *slow, {})
        async with watchdog:
            await over.wait()
        return told.why

    assert run(scenario()) == []


def test_an_event_loop_that_turns_no_more_is_noticed_by_a_thread() -> None:
    async def scenario() -> list[str]:
        told = Told()
        watchdog, _ = watching(told, {})
        async with watchdog:
            await asyncio.sleep(TICK_S)
            until = time.monotonic() + PATIENCE_S
            while not told.why and time.monotonic() < until:
                time.sleep(TICK_S)  # noqa: ASYNC251  standing still is what is tested
        return told.why

    assert "the event loop stood still" in run(scenario())[0]
