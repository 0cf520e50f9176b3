"""Whether a provider that tells its limit has calls to spare."""

from __future__ import annotations

from providers.spare_rate import WATCHED_S, SpareRate


def watched(per_s: int, limit_per_s: float | None, seconds: int = 20) -> SpareRate:
    spare = SpareRate()
    for second in range(seconds + 1):
        for _ in range(per_s):
            spare.first(float(second))
    if limit_per_s is not None:
        spare.tell(limit_per_s)
    return spare


def test_where_no_limit_is_told_nothing_is_held_back() -> None:
    assert watched(90, None).allows(20.0)


def test_what_first_calls_leave_of_a_limit_is_to_spare() -> None:
    assert watched(45, 90.0).allows(20.0)
    assert not watched(70, 90.0).allows(20.0), "it may as well be 90: turns come by chance, and bring ten calls each"
    assert not watched(90, 90.0).allows(20.0)


def test_who_has_just_begun_holds_back_until_it_has_seen_enough() -> None:
    begun = watched(9, 90.0, seconds=0)
    assert not begun.allows(1.0)
    assert begun.allows(4.0)
    assert not watched(45, 90.0, seconds=3).allows(3.0)


def test_what_came_long_ago_counts_no_more() -> None:
    busy = watched(90, 90.0)
    assert busy.allows(20.0 + WATCHED_S + 0.1)


def test_the_most_that_was_told_is_the_limit() -> None:
    spare = watched(45, 90.0)
    spare.tell(0.2)  # a window that has just begun
    assert spare.allows(20.0)
