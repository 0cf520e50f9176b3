"""The embedded host: one asyncio process that owns every partition of a SQLite log."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Generic

from streams.codec import Codec
from streams.mind import C, Effects, Mind
from streams.owner import Owner, Stores
from streams.owner_lock import OwnerLock

_LOG = logging.getLogger(__name__)
RETRY_S = 0.2  # between two reigns, so that a full disk isn't hammered


class EmbeddedHost(Generic[C]):
    """``async with``: owns while it is entered. Raises ``OwnerRefusedError`` where another process owns the log."""

    def __init__(
        self, stores: Stores, codec: Codec, mind: Mind[C], make_effects: Callable[[], Effects[C]], lock: OwnerLock
    ) -> None:
        self._stores, self._codec, self._mind, self._make_effects = stores, codec, mind, make_effects
        self._lock = lock
        self._tasks: list[asyncio.Task[None]] = []
        self.reigns_lost: list[str] = []

    async def __aenter__(self) -> EmbeddedHost[C]:
        self._lock.acquire()
        ready = []
        for partition in range(self._stores.ledger.partitions):
            first = asyncio.Event()
            ready.append(first)
            self._tasks.append(asyncio.create_task(self._own(partition, first)))
        for event in ready:
            await event.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._lock.release()

    async def _own(self, partition: int, first: asyncio.Event) -> None:
        while True:
            owner = Owner(
                partition,
                self._stores,
                self._codec,
                self._mind,
                self._make_effects(),
                owner_id=f"embedded-{os.getpid()}-{partition}",
            )
            why = await owner.run(first.set)
            if self.reigns_lost[-1:] != [why]:  # a full disk says it five times a second
                _LOG.warning("partition %s: the reign ended (%s); taking over anew", partition, why)
            self.reigns_lost.append(why)
            await asyncio.sleep(RETRY_S)
