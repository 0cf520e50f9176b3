"""How fast a limit comes back, from what answers tell of it: how many of how many are left, and when all are back.

a bucket that fills    what was used, by the time until it is back: the same at any time
a window that ends     that tells less at the window's beginning and far more at its end. But a window is as long as the
                       longest time until it is back, and gives no more than its limit in that

So the most of the newest tells is believed, and not more than the whole limit in the longest time that was told lately. Of a
window the first answer tells that; for a bucket it bounds nothing, since all of it takes longer than what was used.
"""

from __future__ import annotations

from collections import deque

from agent_core.ports import Left

MOST_LEFT = 0.9  # share of a limit: of more, too little is away to tell how fast it comes back, in whole calls
LONGEST_OF_S = 120.0  # two windows of a minute, which is what vendors count by: one of them was seen from its beginning
_READINGS = 64


class ToldRate:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._rates: deque[float] = deque(maxlen=_READINGS)
        self._resets: deque[tuple[float, float]] = deque()  # when, and how long: each longer than those behind it
        self._limit = 0

    def tell(self, left: Left, now_s: float) -> None:
        if left.limit != self._limit:
            self._limit = left.limit
            self._rates.clear()
            self._resets.clear()
        if left.resets_in_s > 0:
            self._keep_longest(left.resets_in_s, now_s)
            if left.share <= MOST_LEFT:
                self._rates.append((left.limit - left.remaining) / left.resets_in_s)

    def per_s(self) -> float | None:
        """None where it isn't known."""
        if not self._resets:
            return None
        whole = self._limit / self._resets[0][1]
        return min(max(self._rates), whole) if self._rates else whole

    def _keep_longest(self, resets_in_s: float, now_s: float) -> None:
        while self._resets and self._resets[-1][1] <= resets_in_s:
            self._resets.pop()
        self._resets.append((now_s, resets_in_s))
        while self._resets[0][0] < now_s - LONGEST_OF_S:
            self._resets.popleft()
