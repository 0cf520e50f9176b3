"""Whether a provider that tells its limit has calls to spare, beyond those that are made without hedging.

Just under its limit nobody is refused, and still an extra call takes the place of a first one: those come by chance, and a
limit has no memory of what wasn't used. So what counts isn't what is left at the moment, which an answer told seconds ago,
but how many first calls come, against how many it takes.
"""

from __future__ import annotations

import math
from collections import deque

SPARE_BELOW = 0.9  # of the limit, by as many first calls as there may well be
WATCHED_S = 10.0
_BUNCH = 10.0  # calls of one turn come together
_DEVIATIONS = 2.0  # turns come by chance: so far above what was seen their mean may well lie
_READINGS = 64
MOST_LEFT = 0.9  # share of a limit: of more, too little is away to tell how fast it comes back, in whole calls


class SpareRate:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self._since_s: float | None = None
        self._told: deque[float] = deque(maxlen=_READINGS)

    def first(self, now_s: float) -> None:
        """A call that would have been made without hedging."""
        if self._since_s is None:
            self._since_s = now_s
        self._calls.append(now_s)
        while self._calls[0] < now_s - WATCHED_S:
            self._calls.popleft()

    def tell(self, requests_per_s: float) -> None:
        """An answer told it. Where a limit is counted by the window, this grows until the window ends: the most counts."""
        self._told.append(requests_per_s)

    def allows(self, now_s: float) -> bool:
        """True where nothing is known of its limit. What a process that has just begun didn't see counts as full."""
        if not self._told or self._since_s is None:
            return True
        limit = max(self._told)
        unseen_s = max(0.0, WATCHED_S - (now_s - self._since_s))
        came = sum(at_s >= now_s - WATCHED_S for at_s in self._calls)
        may_well = came + _DEVIATIONS * math.sqrt(_BUNCH * came) + unseen_s * limit
        return may_well < SPARE_BELOW * limit * WATCHED_S
