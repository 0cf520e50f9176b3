"""Facts on their way to the inbox: in order, kept and tried again while the inbox takes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from schemas.event import Event
from streams.fact_writer import FactWriter
from streams.ports import InboxUnavailableError

_LOG = logging.getLogger(__name__)
RETRY_S = 0.1


class FactSpool:
    """``put`` returns at once. ``run`` is the one task that writes; ``drained`` waits until nothing is left."""

    def __init__(self, writer: FactWriter) -> None:
        self._writer = writer
        self._waiting: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, fact: Event) -> None:
        self._waiting.append(fact)
        self._empty.clear()
        self._changed.set()

    async def run(self) -> None:
        failing = False
        while True:
            while not self._waiting:
                self._empty.set()
                self._changed.clear()
                await self._changed.wait()
            try:
                await self._writer.put(self._waiting[0])
            except InboxUnavailableError as error:
                if not failing:
                    _LOG.warning("facts are spooled: %s", error)
                failing = True
                await asyncio.sleep(RETRY_S)
                continue
            failing = False
            self._waiting.popleft()

    async def drained(self, timeout_s: float) -> int:
        """How many facts are left after at most ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            pass
        return len(self._waiting)
