"""Steps that an owner appended and whose receipts are still to come, in the order of the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import NamedTuple

from schemas.event import Event
from streams.ports import Receipt


class Appended(NamedTuple):
    """``last``: the step's last event. ``finished``: nothing of its conversation is open any more."""

    conversation_id: str
    receipt: Awaitable[Receipt]
    size: int
    last: Event
    finished: bool
    settles: bool  # whether it ends a turn


class InFlight:
    """Of one reign."""

    def __init__(self) -> None:
        self._waiting: deque[Appended] = deque()
        self._has_some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, appended: Appended) -> None:
        self._waiting.append(appended)
        self._has_some.set()

    async def take(self) -> Appended:
        """The oldest; waits while there is none."""
        while not self._waiting:
            self._has_some.clear()
            await self._has_some.wait()
        return self._waiting.popleft()

    def forget(self) -> None:
        """Nobody waits for them any more: the log says what became of each, and that one failed is no news."""
        for appended in self._waiting:
            receipt = appended.receipt
            if isinstance(receipt, asyncio.Future) and not receipt.cancel() and not receipt.cancelled():
                receipt.exception()
        self._waiting.clear()
