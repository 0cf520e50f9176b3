"""Figures and digits, written and spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_core.guardrails._numbers import digit_runs, figures, same


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("two pounds fifty", 2.5, "gbp"),
        ("£2.50", 2.5, "gbp"),
        ("two pounds and fifty pence", 2.5, "gbp"),
        ("fifty pence", 0.5, "gbp"),
        ("four hundred and fifty pounds", 450, "gbp"),
        ("a hundred and twelve pounds", 112, "gbp"),
        ("a thousand pounds", 1000, "gbp"),
        ("1,250.50 euros", 1250.5, "eur"),
        ("twenty five thousand dollars", 25_000, "usd"),
        ("one and a half percent", 1.5, "percent"),
        ("four point six percent", 4.6, "percent"),
        ("3%", 3, "percent"),
        ("ten working days", 10, "working_day"),
        ("one hundred and twenty days", 120, "day"),
        ("half an hour", 0.5, "hour"),
        ("within a week", 1, "week"),
        ("nine in the morning", 9, "am"),
        ("17:30", 5.5, "pm"),
        ("half past nine", 9.5, None),
        ("quarter to five", 4.75, None),
        ("nine thirty", 9.5, None),
        ("9 p.m.", 9, "pm"),
        ("the first of March", 1, "month:3"),
        ("March 1st", 1, "month:3"),
        ("twenty twenty six", 2026, None),
    ],
)
def test_a_figure_is_read_with_its_unit(text: str, value: float, unit: str | None) -> None:
    found = figures(text)
    assert [(figure.value, figure.unit) for figure in found] == [(value, unit)]


def test_both_ends_of_a_range_have_its_unit() -> None:
    assert [(f.value, f.unit) for f in figures("three to five working days")] == [
        (3, "working_day"),
        (5, "working_day"),
    ]


def test_a_bare_one_states_nothing() -> None:
    assert [figure.plain for figure in figures("this one or that, in two ways")] == [True, True]


def test_units_part_what_values_join() -> None:
    assert same(figures("two pounds")[0], figures("£2")[0])
    assert same(figures("nine")[0], figures("nine in the morning")[0])
    assert not same(figures("two pounds")[0], figures("two dollars")[0])
    assert not same(figures("five days")[0], figures("five working days")[0])


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("0800 555 0199", "08005550199"),
        ("oh eight hundred, five double five, oh one double nine", "08005550199"),
        ("triple seven one two", "77712"),
        ("twelve thirty four fifty six", "123456"),
        ("12-34-56", "123456"),
    ],
)
def test_digits_are_read_as_they_are_said(text: str, digits: str) -> None:
    assert [run.digits for run in digit_runs(text)] == [digits]


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_and_places_are_in_it(text: str) -> None:
    places = [(figure.start, figure.end) for figure in figures(text)]
    places += [(run.start, run.end) for run in digit_runs(text)]
    assert all(0 <= start < end <= len(text) for start, end in places)


@pytest.mark.parametrize("text", ["12,345.67 pounds", "£12,345,678.90", "a balance of 1,234,567"])
def test_an_amount_with_commas_is_no_number_of_an_account(text: str) -> None:
    assert digit_runs(text) == ()


def test_digits_behind_an_amount_are_a_run_of_their_own() -> None:
    (run,) = digit_runs("£12,345.67 to account 31926819")
    assert run.digits == "31926819"


def test_groups_of_four_with_commas_are_a_card() -> None:
    (run,) = digit_runs("4929, 1234, 5678, 9012")
    assert run.digits == "4929123456789012"
