"""A provider that fails most of the time is left alone for a while, then tried with one call.

closed     all calls pass; opens when half of the newest, and ``FEWEST`` at least, failed
open       none passes, for ``OPEN_S``; twice as long after each probe that failed, up to ``LONGEST_S``
half open  one call passes as a probe: its success closes the circuit, its failure opens it again
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

WINDOW = 20
FEWEST = 5
OPEN_S = 2.0  # of the order of a turn: the next caller's turn finds out whether the provider is back
LONGEST_S = 30.0


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._newest: deque[bool] = deque(maxlen=WINDOW)  # whether each failed
        self._open_until_s: float | None = None
        self._open_s = OPEN_S
        self._probing = False

    def circuit(self, now_s: float) -> Circuit:
        if self._open_until_s is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now_s < self._open_until_s else Circuit.HALF_OPEN

    def allows(self, now_s: float) -> bool:
        circuit = self.circuit(now_s)
        return circuit is Circuit.CLOSED or (circuit is Circuit.HALF_OPEN and not self._probing)

    def begin(self, now_s: float) -> bool:
        """A call that ``allows`` let pass begins. True where it is the probe: hand it back to ``end``."""
        probe = self.circuit(now_s) is Circuit.HALF_OPEN
        self._probing = self._probing or probe
        return probe

    def end(self, now_s: float, *, failed: bool | None, probe: bool) -> None:
        """``failed`` None: it says nothing about the provider (it was cancelled, or refused its caller)."""
        if probe:
            self._probing = False
        if failed is None or (self._open_until_s is not None and not probe):
            return  # what began before the circuit opened is no news
        if probe and not failed:
            self._open_until_s, self._open_s = None, OPEN_S
            self._newest.clear()
        elif probe:
            self._open_s = min(self._open_s * 2, LONGEST_S)
            self._open_until_s = now_s + self._open_s
        else:
            self._newest.append(failed)
            failures = sum(self._newest)
            if failures >= FEWEST and failures * 2 >= len(self._newest):
                self._open_until_s = now_s + self._open_s
