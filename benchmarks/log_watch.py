"""Counts what stands on a log as it grows, without decoding it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.ports import Ledger


class LogWatch:
    """``types``: how many records of each type came since it began to look."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self._changed = asyncio.Event()

    @property
    def events(self) -> int:
        return self.types.total()

    async def until(self, event_type: str, count: int) -> None:
        """Returns when so many of a type have come."""
        while self.types[event_type] < count:
            self._changed.clear()
            await self._changed.wait()

    async def follow(self, ledger: Ledger, partition: int, start: int) -> None:
        async for records in ledger.follow(partition, start):
            self.types.update(record.body.type for record in records)
            self._changed.set()


@asynccontextmanager
async def watching(ledger: Ledger) -> AsyncIterator[LogWatch]:
    """From the log's end as it is now."""
    watch = LogWatch()
    ends = [await ledger.end(partition) for partition in range(ledger.partitions)]
    tasks = [asyncio.create_task(watch.follow(ledger, partition, end)) for partition, end in enumerate(ends)]
    try:
        yield watch
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
