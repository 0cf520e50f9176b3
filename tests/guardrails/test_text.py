"""How alternatives of words become one pattern."""

from __future__ import annotations

import pytest

from agent_core.guardrails._text import any_of


@pytest.mark.parametrize("text", ["a foodbank", "a food bank", "a Food  Bank"])
def test_a_blank_may_be_left_out_where_the_pattern_says_so(text: str) -> None:
    assert any_of(["food ?bank"]).search(text)


@pytest.mark.parametrize("text", ["anti-money-laundering", "anti money laundering", "Anti-Money laundering"])
def test_a_hyphen_is_as_good_as_a_blank_where_the_pattern_says_so(text: str) -> None:
    assert any_of(["anti[- ]money[- ]laundering"]).fullmatch(text)


def test_words_are_whole() -> None:
    assert not any_of(["sar"]).search("a sardine")


def test_an_alternative_that_could_never_match_is_refused() -> None:
    with pytest.raises(ValueError, match="executor of the "):
        any_of(["executor of the "])
