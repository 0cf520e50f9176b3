"""A token bucket over hedges: calls beyond the first ones may be a share of all, so that a brownout isn't made worse.

Each first call puts ``share`` of a token in; each extra one takes a whole token, or doesn't start. The bucket holds
``burst`` tokens at most and is full at the beginning: what slow times may take was saved in quick ones.
"""

from __future__ import annotations


class ExtraCalls:
    def __init__(self, share: float = 0.2, burst: int = 10) -> None:
        if share < 0 or burst < 1:
            raise ValueError("share must not be negative, burst at least 1")
        self._share, self._burst = share, burst
        self._tokens = float(burst)

    def first(self) -> None:
        """A call that would have been made without hedging."""
        self._tokens = min(self._tokens + self._share, self._burst)

    def take(self) -> bool:
        """Whether one extra call may start."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
