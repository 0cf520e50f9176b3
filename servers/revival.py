"""Brokers that end while others of their cluster run, started again a while later over their data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

BACK_AFTER_S = 20.0  # long enough to see that calls go on without it: partitions have new leaders after five


class Cluster(Protocol):
    @property
    def numbers(self) -> Sequence[int]: ...

    def pid(self, number: int) -> int | None: ...

    def log(self, number: int) -> Path: ...

    def launch_node(self, number: int) -> None: ...


def _tell(text: str) -> None:
    print(text, flush=True)


class Revival:
    """``look_after`` is to be called again and again. ``now_s``: monotonic."""

    def __init__(
        self, cluster: Cluster, tell: Callable[[str], None] = _tell, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._cluster, self._tell, self._now_s = cluster, tell, now_s
        self._back_at_s: dict[int, float] = {}  # of those that ended

    def look_after(self) -> None:
        for number in self._cluster.numbers:
            if self._cluster.pid(number) is not None:
                continue
            if number not in self._back_at_s:
                self._back_at_s[number] = self._now_s() + BACK_AFTER_S
                log = self._cluster.log(number)
                self._tell(f"broker {number} ended; it is started again in {BACK_AFTER_S:.0f} s (its log: {log})")
            elif self._now_s() >= self._back_at_s[number]:
                del self._back_at_s[number]
                self._cluster.launch_node(number)
                self._tell(f"broker {number} is started again, as process {self._cluster.pid(number)}")
