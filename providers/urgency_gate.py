"""Urgent before deferrable: work that may wait starts only while few requests are in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class UrgencyGate:
    """Urgent requests pass at once. Deferrable ones pass in order of arrival, while fewer than ``limit`` are inside.

    Urgent requests are never queued: how many of them there are is the race's own decision, bounded by its budget.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("limit must be at least 1")
        self._limit = limit
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def enter(self, *, urgent: bool) -> AsyncIterator[None]:
        if not urgent:
            await self._wait_for_room()
        else:
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._admit()

    async def _wait_for_room(self) -> None:
        if self._inside < self._limit and not self._waiting:
            self._inside += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # admitted and cancelled in one step: give the room back
                self._inside -= 1
                self._admit()
            else:
                self._waiting.remove(place)
            raise

    def _admit(self) -> None:
        while self._waiting and self._inside < self._limit:
            place = self._waiting.popleft()
            if not place.done():
                self._inside += 1
                place.set_result(None)
