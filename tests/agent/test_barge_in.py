"""Backchannels as data: what is nothing but some of them, and which settings contradict themselves."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from agent_core.barge_in import BargeIn, asks, is_made_of

PHRASES = ("uh-huh", "mm", "okay", "right", "i see")


@pytest.mark.parametrize("text", ["Uh-huh.", "uh huh", "MM", "okay, right", "I see", "okay I see"])
def test_some_of_the_phrases_one_after_the_other(text: str) -> None:
    assert is_made_of(text, PHRASES, 3)


@pytest.mark.parametrize("text", ["", "?!", "okay but", "see", "i", "stop", "no, wait", "okay okay okay okay", "uh"])
def test_anything_else_is_something_to_say(text: str) -> None:
    assert not is_made_of(text, PHRASES, 3)


def test_a_line_asks_by_its_question_mark() -> None:
    assert asks("Shall I? I could.")
    assert not asks("I could.")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"yield_after_ms": 2000}, "yield_after_ms must not be more"),
        ({"answers": ("yes",)}, "no backchannel: 'yes'"),
        ({"backchannels": ("mm", "...")}, "'...' must have 1 to 4 words"),
        ({"backchannels": ("one two three four five",)}, "must have 1 to 4 words"),
    ],
)
def test_settings_that_contradict_themselves_are_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        BargeIn.model_validate({"backchannels": ("mm",), **wrong})
