"""Latencies counted in fixed, log-spaced buckets: counts of workers, partitions and windows add up, quantiles don't.

Bucket ``i`` holds what lies in [2^(i/8), 2^((i+1)/8)) ms: eight to a doubling. A quantile read from it is off by at most
4.5 % (half a bucket, 2^(1/16)). Below 1 ms is bucket 0; above 2^17 ms (131 s) the last one: no budget of a turn is longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

PER_DOUBLING = 8
LAST = 17 * PER_DOUBLING
# A quantile is known where at least one sample lies beyond it on average.
_ENOUGH = {0.5: 1, 0.95: 20, 0.99: 100}

Histogram: TypeAlias = Mapping[int, int]
"""bucket → count; a bucket that isn't there is empty."""


class Quantiles(msgspec.Struct, frozen=True):
    """ms. Null where there are too few samples to know: 1 for p50, 20 for p95, 100 for p99."""

    n: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def bucket_of(value_ms: float) -> int:
    if value_ms < 1:
        return 0
    return min(LAST, int(math.log2(value_ms) * PER_DOUBLING))


def merged(histograms: Iterable[Histogram]) -> dict[int, int]:
    total: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


def quantiles(histogram: Histogram) -> Quantiles:
    n = sum(histogram.values())
    p50, p95, p99 = (_quantile(histogram, n, share) if n >= enough else None for share, enough in _ENOUGH.items())
    return Quantiles(n, p50, p95, p99)


def _quantile(histogram: Histogram, n: int, share: float) -> float:
    """The middle, on the log scale, of the bucket that holds the sample of this rank."""
    rank = math.ceil(share * n)
    passed = 0
    for bucket in sorted(histogram):
        passed += histogram[bucket]
        if passed >= rank:
            return round(2 ** ((bucket + 0.5) / PER_DOUBLING), 3)
    raise ValueError("a histogram holds fewer samples than it counts")
