"""Figures from samples: percentiles that say when they can't be known, and paired differences."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

# A percentile is known where at least one sample lies beyond it on average.
_ENOUGH = {0.5: 1, 0.95: 20, 0.99: 100}


class Spread(NamedTuple):
    """Median and tails in the unit of the samples; None where there are too few samples to know."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` of the samples lie, linear between ranks; None for no samples."""
    if not samples:
        return None
    ordered = sorted(samples)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def spread(samples: Sequence[float]) -> Spread:
    p50, p95, p99 = (percentile(samples, s) if len(samples) >= enough else None for s, enough in _ENOUGH.items())
    return Spread(len(samples), p50, p95, p99)


def paired_differences(ours: Mapping[K, float], theirs: Mapping[K, float]) -> list[float]:
    """``ours - theirs`` for what both measured, in the order of ``ours``; what only one has is left out."""
    return [value - theirs[key] for key, value in ours.items() if key in theirs]


def share(hits: int, of: int) -> float | None:
    return hits / of if of else None
