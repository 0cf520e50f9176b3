"""How calls beyond the first ones come back at a provider that had no more: a few, then twice as many each minute.

All of them at once would take it over its limit again, and first calls would wait for what hedges used up. A further refusal
begins with a quarter of what was allowed when it came.
"""

from __future__ import annotations

FIRST_SHARE = 0.05  # of first calls
LEAST_SHARE = 0.01
FREE_FROM = 4.0  # as many as the most attempts at an ask can be: from here on nothing is counted
DOUBLES_IN_S = 60.0
_BURST = 2.0


class Comeback:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._share = FIRST_SHARE
        self._from_s: float | None = None  # None: it was never pressed
        self._tokens = 0.0

    def begin(self, now_s: float, from_s: float) -> None:
        """Nothing extra until ``from_s``."""
        self._share = FIRST_SHARE if self._from_s is None else max(self.share(now_s) / 4, LEAST_SHARE)
        self._share = min(self._share, FIRST_SHARE)
        self._from_s, self._tokens = from_s, 0.0

    def share(self, now_s: float) -> float:
        """Of first calls, how many more may be made now."""
        if self._from_s is None:
            return FREE_FROM
        doublings = max(0.0, now_s - self._from_s) / DOUBLES_IN_S
        return min(self._share * 2 ** min(doublings, 20.0), FREE_FROM)

    def first(self, now_s: float) -> None:
        """A call that would have been made without hedging."""
        if self._from_s is not None and now_s >= self._from_s:
            self._tokens = min(self._tokens + self.share(now_s), _BURST)

    def allows(self, now_s: float) -> bool:
        return self.share(now_s) >= FREE_FROM or self._tokens >= 1

    def take(self, now_s: float) -> None:
        """One that ``allows`` let pass."""
        if self.share(now_s) < FREE_FROM:
            self._tokens -= 1
