"""Latency histograms: quantiles that are right within half a bucket, add up, and are unknown where they can't be known."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import spread
from projections.live.histogram import LAST, PER_DOUBLING, Quantiles, bucket_of, merged, quantiles

OFF = 2 ** (1 / (2 * PER_DOUBLING)) + 1e-3  # half a bucket, and the rounding to a thousandth


def histogram(samples_ms: list[float]) -> Counter[int]:
    return Counter(bucket_of(sample) for sample in samples_ms)


@given(st.lists(st.floats(1, 130_000), min_size=1, max_size=300))
def test_the_median_lies_within_half_a_bucket_of_a_sample_that_has_its_rank(samples_ms: list[float]) -> None:
    found = quantiles(histogram(samples_ms)).p50
    true = sorted(samples_ms)[(len(samples_ms) + 1) // 2 - 1]
    assert found is not None
    assert true / OFF <= found <= true * OFF


def test_the_tails_lie_where_the_samples_are() -> None:
    samples = [float(n) for n in range(1, 1001)]
    found, true = quantiles(histogram(samples)), spread(samples)
    for ours, theirs in zip((found.p50, found.p95, found.p99), (true.p50, true.p95, true.p99), strict=True):
        assert ours is not None
        assert theirs is not None
        assert ours == pytest.approx(theirs, rel=OFF - 1)


@given(st.lists(st.lists(st.floats(0, 1e9), max_size=30), max_size=5))
def test_histograms_of_several_add_up_to_that_of_all(parts: list[list[float]]) -> None:
    assert merged(histogram(part) for part in parts) == histogram([sample for part in parts for sample in part])


def test_a_quantile_is_unknown_where_too_few_samples_lie_beyond_it() -> None:
    assert quantiles({}) == Quantiles(0, None, None, None)
    known = {
        n: [q is not None for q in (found.p50, found.p95, found.p99)]
        for n in (1, 19, 20, 99, 100)
        for found in [quantiles({8: n})]
    }
    assert known == {
        1: [True, False, False],
        19: [True, False, False],
        20: [True, True, False],
        99: [True, True, False],
        100: [True, True, True],
    }


def test_what_is_too_short_or_too_long_for_a_bucket_stands_in_the_outermost() -> None:
    assert [bucket_of(value_ms) for value_ms in (0.0, 0.3, 1.0, 2.0, 131_072.0, 1e9)] == [
        0,
        0,
        0,
        PER_DOUBLING,
        LAST,
        LAST,
    ]
