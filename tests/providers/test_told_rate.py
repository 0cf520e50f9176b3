"""How fast a limit comes back, from what answers tell of it."""

from __future__ import annotations

import pytest

from agent_core.ports import Left
from providers.told_rate import LONGEST_OF_S, ToldRate

A_MINUTE, LIMIT = 60.0, 600


def test_a_bucket_tells_its_rate_at_any_time() -> None:
    for used in (60, 300, 600):
        rate = ToldRate()
        rate.tell(Left(LIMIT, LIMIT - used, used / 10), 0.0)
        assert rate.per_s() == pytest.approx(10.0)


def test_of_too_few_that_are_away_no_more_is_known_than_what_bounds_it() -> None:
    rate = ToldRate()
    rate.tell(Left(LIMIT, 0, 0.0), 0.0)
    assert rate.per_s() is None
    rate.tell(Left(LIMIT, LIMIT - 1, 1.0), 0.0)
    assert rate.per_s() == LIMIT, "one a second would be a time that was rounded to whole seconds"


def test_of_a_window_the_first_answer_tells_all() -> None:
    rate = ToldRate()
    rate.tell(Left(LIMIT, LIMIT - 1, A_MINUTE), 0.0)
    assert rate.per_s() == pytest.approx(LIMIT / A_MINUTE)


def test_a_window_gives_no_more_than_its_limit_however_near_its_end_it_is() -> None:
    rate = ToldRate()
    for second in range(60):
        rate.tell(Left(LIMIT, LIMIT - 9 * second, A_MINUTE - second), float(second))
    assert rate.per_s() == pytest.approx(LIMIT / A_MINUTE)


def test_the_most_that_was_told_counts_since_a_window_tells_less_at_its_beginning() -> None:
    rate = ToldRate()
    rate.tell(Left(LIMIT, 100, 55.0), 0.0)
    rate.tell(Left(LIMIT, 500, 60.0), 20.0)
    assert rate.per_s() == pytest.approx(500 / 55.0)


def test_a_limit_that_was_changed_is_known_at_once() -> None:
    rate = ToldRate()
    rate.tell(Left(LIMIT, 300, 30.0), 0.0)
    rate.tell(Left(LIMIT // 2, 150, 30.0), 1.0)
    assert rate.per_s() == pytest.approx(5.0)


def test_a_time_that_was_nonsense_is_forgotten() -> None:
    rate = ToldRate()
    rate.tell(Left(LIMIT, 300, 3600.0), 0.0)
    rate.tell(Left(LIMIT, 300, 30.0), 1.0)
    assert rate.per_s() == pytest.approx(LIMIT / 3600.0)
    rate.tell(Left(LIMIT, 300, 30.0), LONGEST_OF_S + 1.0)
    assert rate.per_s() == pytest.approx(10.0)
