"""Whether a provider has calls to spare, or tokens, beyond those of calls that are made without hedging.

Just under its limit nobody is refused, and still an extra call takes the place of a first one: those come by chance, and a
limit has no memory of what wasn't used. So what counts isn't what is left at the moment, which an answer told seconds ago,
but how many first calls come, against how many it takes: as its answers tell, or whoever runs this process. Where both do,
the lower counts.
"""

from __future__ import annotations

import math
from collections import deque

from agent_core.ports import Left
from providers.told_rate import ToldRate

SPARE_BELOW = 0.9  # of the limit, by as many first calls as there may well be
WATCHED_S = (10.0, 60.0)  # the newest calls, and whether that is but a lull: turns come by chance
BEGINNING_S = 30.0  # until as many turns are under way as will be: in a brownout each takes many seconds
_BUNCH = 10.0  # calls of one turn come together
_DEVIATIONS = 2.0  # turns come by chance: so far above what was seen their mean may well lie


class SpareRate:
    """Of one limit, which counts requests or tokens. Times are seconds of one monotonic clock."""

    def __init__(self, stated_per_s: float | None = None) -> None:
        """``stated_per_s``: what this process may take, as whoever runs it says."""
        self._windows = [_Window(seconds) for seconds in WATCHED_S]
        self._since_s: float | None = None
        self._stated_per_s = stated_per_s
        self._told = ToldRate()

    def watch(self, now_s: float) -> None:
        """From the first of these on, whatever first calls take is seen."""
        if self._since_s is None:
            self._since_s = now_s

    def first(self, now_s: float, count: float = 1.0) -> None:
        """A call that would have been made without hedging takes so many."""
        self.watch(now_s)
        for window in self._windows:
            window.add(now_s, count)

    def tell(self, left: Left, now_s: float) -> None:
        """An answer told it."""
        self._told.tell(left, now_s)

    def allows(self, now_s: float) -> bool:
        """True where nothing is known of its limit. What a process that has just begun didn't see counts as full."""
        return self._well_below(now_s, unseen_s=min(WATCHED_S))

    def in_doubt(self, now_s: float) -> bool:
        """Whether it may be but a beginning: turns that have just begun haven't asked for all that they will."""
        return not self._well_below(now_s, unseen_s=BEGINNING_S)

    def _well_below(self, now_s: float, unseen_s: float) -> bool:
        """``unseen_s``: of so many seconds, those that weren't seen count as full."""
        known = [per_s for per_s in (self._stated_per_s, self._told.per_s()) if per_s is not None]
        if not known:
            return True
        limit, seen_s = min(known), 0.0 if self._since_s is None else now_s - self._since_s
        return all(w.well_below(SPARE_BELOW * limit, limit, seen_s, unseen_s, now_s) for w in self._windows)


class _Window:
    """What calls of the newest ``seconds`` took."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._calls: deque[tuple[float, float]] = deque()  # when, and how many
        self._sum = self._squares = 0.0

    def add(self, now_s: float, count: float) -> None:
        self._calls.append((now_s, count))
        self._sum += count
        self._squares += count * count
        self._forget(now_s)

    def well_below(self, rate: float, limit: float, seen_s: float, unseen_s: float, now_s: float) -> bool:
        """Whether as much as there may well be in it is less than comes at ``rate``. ``limit``: at what rate that
        came that wasn't seen, of ``unseen_s``; a longer window is as long as what was seen."""
        self._forget(now_s)
        shortest_s = min(self._seconds, unseen_s)
        over_s = min(self._seconds, max(seen_s, shortest_s))
        unseen = max(0.0, shortest_s - seen_s) * limit
        return self._sum + _DEVIATIONS * math.sqrt(_BUNCH * self._squares) + unseen < rate * over_s

    def _forget(self, now_s: float) -> None:
        while self._calls and self._calls[0][0] < now_s - self._seconds:
            _, count = self._calls.popleft()
            self._sum -= count
            self._squares -= count * count
