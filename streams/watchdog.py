"""Ends a process that no longer makes progress, so that another one takes its partitions.

Two ways to stand still are watched: an event loop that turns no more (a thread notices), and a partition whose inbox
grows while its owner takes nothing. Both count their own ticks instead of reading a clock: while the whole process
stands still, or no broker answers, nothing is counted.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h: a supervisor starts it again
TICK_S = 1.0
LOOP_TICKS = 10
PARTITION_TICKS = 20


class Progress(NamedTuple):
    """``taken``: the inbox offset that the owner took last. ``newest``: the last one that there is."""

    taken: int
    newest: int


def end_process(why: str) -> None:
    """With the stacks of all threads on stderr: what it stood still in."""
    print(f"ledgerline: {why}; this process ends, so that another one takes over", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(all_threads=True)
    os._exit(EXIT_CODE)


class Watchdog:
    """``async with``: watches the running loop while it is entered. ``read``: progress by partition."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Mapping[int, Progress]]],
        on_wedged: Callable[[str], None] = end_process,
        *,
        tick_s: float = TICK_S,
        loop_ticks: int = LOOP_TICKS,
        partition_ticks: int = PARTITION_TICKS,
    ) -> None:
        self._read, self._on_wedged = read, on_wedged
        self._tick_s, self._loop_ticks, self._partition_ticks = tick_s, loop_ticks, partition_ticks
        self._turned = 0  # how often the loop came round
        self._over = threading.Event()
        self._still: dict[int, tuple[int, int]] = {}  # partition → (taken, ticks without progress)

    async def __aenter__(self) -> Watchdog:
        self._tasks = [asyncio.create_task(self._turn()), asyncio.create_task(self._watch_partitions())]
        self._thread = threading.Thread(target=self._watch_loop, name="watchdog", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    async def _turn(self) -> None:
        while True:
            self._turned += 1
            await asyncio.sleep(self._tick_s / 4)

    def _watch_loop(self) -> None:
        seen, ticks = -1, 0
        while not self._over.wait(self._tick_s):
            seen, ticks = (self._turned, 0) if self._turned != seen else (seen, ticks + 1)
            if ticks >= self._loop_ticks:
                self._on_wedged(f"the event loop stood still for {ticks * self._tick_s:g} s")
                return

    async def _watch_partitions(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            for partition, progress in (await self._read()).items():
                if self._stands_still(partition, progress):
                    self._on_wedged(
                        f"partition {partition}: nothing was taken for {self._partition_ticks * self._tick_s:g} s, "
                        f"though {progress.newest - progress.taken} facts wait"
                    )

    def _stands_still(self, partition: int, progress: Progress) -> bool:
        taken, ticks = self._still.get(partition, (progress.taken, 0))
        moved = progress.taken != taken or progress.newest <= progress.taken
        self._still[partition] = (progress.taken, 0 if moved else ticks + 1)
        return self._still[partition][1] == self._partition_ticks
