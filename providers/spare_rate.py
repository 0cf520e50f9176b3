"""Whether a provider that tells its limit has calls to spare, beyond those that are made without hedging.

Just under its limit nobody is refused, and still an extra call takes the place of a first one: those come by chance, and a
limit has no memory of what wasn't used. So what counts isn't what is left at the moment, which an answer told seconds ago,
but how many first calls come, against how many it takes.
"""

from __future__ import annotations

import math
from collections import deque

SPARE_BELOW = 0.9  # of the limit, by as many first calls as there may well be
WATCHED_S = (10.0, 60.0)  # the newest calls, and whether that is but a lull: turns come by chance
BEGINNING_S = 30.0  # until as many turns are under way as will be: in a brownout each takes many seconds
_BUNCH = 10.0  # calls of one turn come together
_DEVIATIONS = 2.0  # turns come by chance: so far above what was seen their mean may well lie
_READINGS = 64
MOST_LEFT = 0.9  # share of a limit: of more, too little is away to tell how fast it comes back, in whole calls


class SpareRate:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._windows = [_Window(seconds) for seconds in WATCHED_S]
        self._since_s: float | None = None
        self._told: deque[float] = deque(maxlen=_READINGS)

    def first(self, now_s: float) -> None:
        """A call that would have been made without hedging."""
        if self._since_s is None:
            self._since_s = now_s
        for window in self._windows:
            window.add(now_s)

    def tell(self, requests_per_s: float) -> None:
        """An answer told it. Where a limit is counted by the window, this grows until the window ends: the most counts."""
        self._told.append(requests_per_s)

    def allows(self, now_s: float) -> bool:
        """True where nothing is known of its limit. What a process that has just begun didn't see counts as full."""
        return self._well_below(now_s, unseen_s=min(WATCHED_S))

    def in_doubt(self, now_s: float) -> bool:
        """Whether it may be but a beginning: turns that have just begun haven't asked for all that they will."""
        return not self._well_below(now_s, unseen_s=BEGINNING_S)

    def _well_below(self, now_s: float, unseen_s: float) -> bool:
        """``unseen_s``: of so many seconds, those that weren't seen count as full."""
        if not self._told or self._since_s is None:
            return True
        limit, seen_s = max(self._told), now_s - self._since_s
        return all(w.well_below(SPARE_BELOW * limit, limit, seen_s, unseen_s, now_s) for w in self._windows)


class _Window:
    """Calls of the newest ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._calls: deque[float] = deque()

    def add(self, now_s: float) -> None:
        self._calls.append(now_s)
        self._forget(now_s)

    def well_below(self, rate: float, limit: float, seen_s: float, unseen_s: float, now_s: float) -> bool:
        """Whether as many calls as there may well be in it are fewer than come at ``rate``. ``limit``: at what rate those
        came that weren't seen, of ``unseen_s``; a longer window is as long as what was seen."""
        self._forget(now_s)
        shortest_s = min(self._seconds, unseen_s)
        came, over_s = len(self._calls), min(self._seconds, max(seen_s, shortest_s))
        unseen = max(0.0, shortest_s - seen_s) * limit
        return came + _DEVIATIONS * math.sqrt(_BUNCH * came) + unseen < rate * over_s

    def _forget(self, now_s: float) -> None:
        while self._calls and self._calls[0] < now_s - self._seconds:
            self._calls.popleft()
