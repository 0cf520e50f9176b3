"""A token bucket over hedges: calls beyond the first ones may be a share of all, so that a brownout isn't made worse.

Each first call puts ``share`` of a token in; each extra one takes a whole token. The bucket holds ``burst`` tokens at most and
is full at the beginning: what slow times may take was saved in quick ones.

Who finds none waits for the next, a second at most. An ask whose first attempt stalls gets a second one before another ask gets
a third: where attempts start together, those of one ask would take what the next one has to live on.
"""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count

LONGEST_WAIT_S = 1.0  # so long an ask may be held up of which nothing else runs any more


@dataclass(order=True, slots=True)
class _Place:
    attempt: int
    came: int
    taken: asyncio.Future[None] = field(compare=False)


class ExtraCalls:
    def __init__(self, share: float = 0.2, burst: int = 10) -> None:
        if share < 0 or burst < 1:
            raise ValueError("share must not be negative, burst at least 1")
        self._share, self._burst = share, burst
        self._tokens = float(burst)
        self._places: list[_Place] = []  # a heap
        self._came = count()

    def first(self) -> None:
        """A call that would have been made without hedging."""
        self._put(self._share)

    async def take(self, attempt: int, deadline_s: float) -> bool:
        """Whether one extra call may start, by ``deadline_s`` of the running loop's clock."""
        if self._tokens >= 1 and not self._places:
            self._tokens -= 1
            return True
        loop = asyncio.get_running_loop()
        place = _Place(attempt, next(self._came), loop.create_future())
        heapq.heappush(self._places, place)
        try:
            async with asyncio.timeout_at(min(deadline_s, loop.time() + LONGEST_WAIT_S)):
                await asyncio.shield(place.taken)
                return True
        except TimeoutError:
            self._leave(place)
            return False
        except asyncio.CancelledError:
            self._leave(place)
            raise

    def _put(self, tokens: float) -> None:
        self._tokens = min(self._tokens + tokens, self._burst)
        while self._places and self._tokens >= 1:
            self._tokens -= 1
            heapq.heappop(self._places).taken.set_result(None)

    def _leave(self, place: _Place) -> None:
        """One that has its token already, and makes no use of it, gives it back."""
        if place.taken.done():
            self._put(1.0)
        else:
            self._places.remove(place)
            heapq.heapify(self._places)
