"""Figures say what the samples say, and nothing where there are too few of them."""

from __future__ import annotations

import pytest

from benchmarks.figures import paired_differences, percentile, share, spread


def test_a_percentile_lies_between_the_two_ranks_around_it() -> None:
    assert percentile([30.0, 10.0, 20.0, 40.0], 0.5) == 25.0
    assert percentile([float(n) for n in range(101)], 0.95) == 95.0
    assert percentile([7.0], 0.99) == 7.0


def test_nothing_is_known_of_no_samples() -> None:
    assert percentile([], 0.5) is None
    assert spread([]) == (0, None, None, None)
    assert share(0, 0) is None


@pytest.mark.parametrize(
    ("samples", "known"), [(1, (True, False, False)), (19, (True, False, False)), (20, (True, True, False))]
)
def test_a_tail_that_too_few_samples_can_show_is_unknown(samples: int, known: tuple[bool, ...]) -> None:
    found = spread([float(n) for n in range(samples)])
    assert found.n == samples
    assert tuple(value is not None for value in found[1:]) == known


def test_the_99th_percentile_needs_a_hundred_samples() -> None:
    assert spread([1.0] * 99).p99 is None
    assert spread([1.0] * 100).p99 == 1.0


def test_differences_pair_the_same_turn_and_leave_out_what_one_side_missed() -> None:
    ours = {"a": 13.0, "b": 20.0, "only ours": 99.0}
    theirs = {"b": 25.0, "a": 10.0, "only theirs": 1.0}
    assert paired_differences(ours, theirs) == [3.0, -5.0]
