"""How fast each provider lately was, by routed name and purpose: the quantiles that say when a call is late.

A call that was cancelled took *at least* as long as it ran. Left out, the slow ones would be missing, and the more is hedged
the earlier it would be; taken as it is, a fast winner would make its sibling look fast. So quantiles are Kaplan and Meier's,
which count such a call among those that are still running up to there and nowhere else (JASA 53, 1958, p. 457).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

WINDOW = 256  # newest calls of a key that count: some minutes of one busy process
ENOUGH = 20  # of them ended by themselves; fewer say nothing about a tail


class Key(NamedTuple):
    provider: str
    model: str  # the routed name
    purpose: str


class Took(NamedTuple):
    """``ended``: by itself; else it was cancelled and would have taken longer."""

    ms: float
    ended: bool


@dataclass(slots=True)
class _Seen:
    first: deque[Took] = field(default_factory=lambda: deque(maxlen=WINDOW))
    gaps: deque[Took] = field(default_factory=lambda: deque(maxlen=WINDOW))
    costs: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))


class PaceBook:
    """What one process saw. Every key keeps its newest ``WINDOW`` calls."""

    def __init__(self) -> None:
        self._seen: dict[Key, _Seen] = {}

    def saw_first(self, key: Key, took: Took) -> None:
        """To the first sentence that can be spoken, or to the whole answer where none is told."""
        self._of(key).first.append(took)

    def saw_gap(self, key: Key, took: Took) -> None:
        """From one sentence to the next."""
        self._of(key).gaps.append(took)

    def saw_cost(self, key: Key, cost_micros: int) -> None:
        self._of(key).costs.append(cost_micros)

    def samples(self, key: Key) -> int:
        return len(self._of(key).first)

    def first_ms(self, key: Key, share: float) -> float | None:
        return quantile_ms(self._of(key).first, share)

    def gap_ms(self, key: Key, share: float) -> float | None:
        return quantile_ms(self._of(key).gaps, share)

    def cost_micros(self, key: Key) -> int | None:
        """Of the usual call."""
        costs = self._of(key).costs
        return median_low(costs) if costs else None

    def _of(self, key: Key) -> _Seen:
        return self._seen.setdefault(key, _Seen())


def quantile_ms(took: Iterable[Took], share: float) -> float | None:
    """The time by which ``share`` of the calls were over. None where too few ended by themselves to know.

    Where so many were cancelled that the curve never comes down to it, it is the longest that any was waited for.
    """
    ordered = sorted(took, key=lambda one: (one.ms, not one.ended))
    if sum(one.ended for one in ordered) < ENOUGH:
        return None
    running, alive = len(ordered), 1.0
    for one in ordered:
        if one.ended:
            alive *= 1 - 1 / running
            if alive <= 1 - share:
                return one.ms
        running -= 1
    return ordered[-1].ms
