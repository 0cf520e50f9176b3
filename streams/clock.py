"""Clocks. An owner's clock starts at the later of wall clock and log, then runs on the monotonic clock: never backwards. A
gateway's starts at the wall clock: what it saw keeps its distances, also where a call runs on virtual time."""

from __future__ import annotations

import asyncio
import time


def wall_clock_us() -> int:
    return time.time_ns() // 1000


class GatewayClock:
    """Microseconds since the Unix epoch, on the event loop's clock from when it was made."""

    def __init__(self) -> None:
        self._base_us = wall_clock_us()
        self._started_s = asyncio.get_running_loop().time()

    def now_us(self) -> int:
        return self._base_us + round((asyncio.get_running_loop().time() - self._started_s) * 1e6)


class OwnerClock:
    """Microseconds since the Unix epoch, never below what the log has seen. Runs on the event loop's clock."""

    def __init__(self, start_us: int) -> None:
        self._base_us = start_us
        self._started_s = asyncio.get_running_loop().time()
        self._last_us = self._base_us

    def now_us(self) -> int:
        elapsed_s = asyncio.get_running_loop().time() - self._started_s
        self._last_us = max(self._last_us, self._base_us + round(elapsed_s * 1e6))
        return self._last_us

    def delay_s(self, due_us: int) -> float:
        """Seconds from now until ``due_us``; never negative."""
        return max(0.0, (due_us - self.now_us()) / 1e6)
