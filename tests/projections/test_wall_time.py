"""Times that people name."""

from __future__ import annotations

import pytest

from console.failures import UsageError
from console.since import since_us
from projections.wall_time import iso_time
from streams.history.times import us_of

NINE_US = 1_709_283_600_000_000  # 2024-03-01T09:00:00Z


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2024-03-01T09:00:00Z", NINE_US),
        ("2024-03-01 09:00", NINE_US),
        ("2024-03-01T14:30:00+05:30", NINE_US),
        ("20240301T090000.000001Z", NINE_US + 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ],
)
def test_a_time_is_named_to_the_microsecond_in_any_zone_and_told_back(text: str, us: int) -> None:
    assert us_of(text) == us
    assert us_of(iso_time(us, exact=True)) == us


def test_milliseconds_are_cut_off() -> None:
    assert iso_time(NINE_US + 999_999) == "2024-03-01T09:00:00.999Z"


@pytest.mark.parametrize("text", ["", "now", "2024-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid|out of range|outside"):
        us_of(text)
    with pytest.raises(UsageError, match="--since"):
        since_us(text)


def test_a_while_ago_is_counted_back_from_now() -> None:
    assert since_us("2h", NINE_US) == NINE_US - 7_200_000_000
    with pytest.raises(UsageError):
        since_us("²h", NINE_US)
