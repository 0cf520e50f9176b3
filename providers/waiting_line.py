"""Who waits for a provider that said that it has no more: in which order they are let through, and how fast.

    it refuses a call    nobody passes until its Retry-After is over
    from then on         one by one, ``gap_s`` apart: urgent ones first, first attempts before further ones, then who came
                         first, counted from when they first asked
    one was let through  the gap shrinks by a twentieth, and is nothing below ``LEAST_GAP_S``: then all pass as they come
    it refuses again     the gap doubles

Let through all at once, all but one would be refused again, and who came last might win. How many a second a provider
takes is told by no header that all vendors share, and changes with who else calls it. So the gap finds it, as TCP finds
its window: refusals that were on the way when it last grew say nothing new.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from dataclasses import dataclass, field
from typing import NamedTuple

FIRST_GAP_S = 0.02  # fifty a second: of the order of a bank's limit at a vendor
LEAST_GAP_S = 0.001
MOST_GAP_S = 1.0
_SHRINKS_BY = 0.95


class Rank(NamedTuple):
    """Compared field by field: the least goes first."""

    deferrable: bool
    beyond_the_first: bool
    came: int


@dataclass(order=True, slots=True)
class _Place:
    rank: Rank
    deadline_s: float = field(compare=False)
    let_through: asyncio.Future[bool] = field(compare=False)


class WaitingLine:
    """Times are seconds of the running loop's clock."""

    def __init__(self) -> None:
        self._places: list[_Place] = []  # a heap
        self._opens_at_s = 0.0
        self._gap_s = 0.0
        self._slowed_at_s = -math.inf
        self._timer: asyncio.TimerHandle | None = None

    @property
    def gap_s(self) -> float:
        return self._gap_s

    def free(self, now_s: float) -> bool:
        """Whether who comes now passes at once."""
        return self._opens_at_s <= now_s and not self._places

    def opens_at_s(self) -> float:
        """When the next one may pass; who stands behind others waits longer."""
        return self._opens_at_s

    def slow_down(self, asked_at_s: float, now_s: float) -> None:
        """A call that was made at ``asked_at_s`` was refused now."""
        if asked_at_s > self._slowed_at_s:
            self._gap_s = min(max(self._gap_s * 2, FIRST_GAP_S), MOST_GAP_S)
            self._slowed_at_s = now_s

    def close(self, until_s: float) -> None:
        """Nobody passes before ``until_s``: those whose deadline comes first are sent away now."""
        if until_s > self._opens_at_s:
            self._opens_at_s = until_s
            self._send_away(until_s)
            self._arm()

    def dismiss(self) -> None:
        """All who wait are sent away."""
        self._send_away(math.inf)

    async def turn(self, rank: Rank, deadline_s: float) -> bool:
        """True once whoever has this rank may ask: at once, where nobody waits. False where waiting has no use any more."""
        loop = asyncio.get_running_loop()
        if self.free(loop.time()):
            self._passed(loop.time())
            return True
        place = _Place(rank, deadline_s, loop.create_future())
        heapq.heappush(self._places, place)
        self._arm()
        try:
            async with asyncio.timeout_at(deadline_s):
                return await place.let_through
        except TimeoutError:
            return False
        finally:
            self._leave({place.rank})

    def _send_away(self, before_s: float) -> None:
        for place in self._places:
            if place.deadline_s <= before_s and not place.let_through.done():
                place.let_through.set_result(False)
        self._leave({place.rank for place in self._places if place.let_through.done()})

    def _leave(self, ranks: set[Rank]) -> None:
        kept = [place for place in self._places if place.rank not in ranks]
        if len(kept) < len(self._places):
            heapq.heapify(kept)
            self._places = kept
            self._arm()

    def _passed(self, now_s: float) -> None:
        self._opens_at_s = now_s + self._gap_s
        self._gap_s = shrunk if (shrunk := self._gap_s * _SHRINKS_BY) >= LEAST_GAP_S else 0.0

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._places:
            self._timer = asyncio.get_running_loop().call_at(self._opens_at_s, self._let_through)

    def _let_through(self) -> None:
        """The first in the line, and with no gap between them all of them."""
        now_s = asyncio.get_running_loop().time()
        while self._places and self._opens_at_s <= now_s:
            place = heapq.heappop(self._places)
            if not place.let_through.done():
                place.let_through.set_result(True)
                self._passed(now_s)
        self._arm()
