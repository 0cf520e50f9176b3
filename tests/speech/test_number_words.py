"""Numbers are said as a person would read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.number_words import number_words, say_numbers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("in 3 to 5 days", "in three to five days"),
        ("£25.50", "twenty five pounds and fifty pence"),
        ("£1 or $1.01 or €0.99", "one pound or one dollar and one cent or ninety nine cents"),
        ("£1,250.50.", "one thousand two hundred and fifty pounds and fifty pence."),
        ("2.5%", "two point five percent"),
        ("1,000,005", "one million and five"),
        ("1999 or 1,999", "nineteen ninety nine or one thousand nine hundred and ninety nine"),
        ("1905, 1900 and 2027", "nineteen oh five, nineteen hundred and twenty twenty seven"),
        ("1st, 2nd, 3rd, 12th, 20th, 101st", "first, second, third, twelfth, twentieth, one hundred and first"),
        ("at 9:00, 10:05 and 14:30", "at nine o'clock, ten oh five and fourteen thirty"),
        ("0", "zero"),
        ("no number", "no number"),
    ],
)
def test_numbers_are_said(text: str, said: str) -> None:
    assert say_numbers(text) == said


def test_a_number_without_a_name_is_read_digit_by_digit() -> None:
    assert number_words(10**12) == "one" + " zero" * 12


@given(st.text(alphabet="0123456789,.:%£$ thsnrd", max_size=40))
def test_no_digit_is_left(text: str) -> None:
    assert not re.search(r"\d", say_numbers(text))
