"""Backchannels as data: what is nothing but some of them, and which settings contradict themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent_core.barge_in import BargeIn, asks, breaks_off, hesitates, is_made_of, may_become
from agent_core.behaviour_loader import load

BANK = Path(__file__).parents[2] / "examples" / "bank"
PHRASES = ("uh-huh", "mm", "okay", "right", "i see")


@pytest.mark.parametrize("text", ["Uh-huh.", "uh huh", "MM", "okay, right", "I see", "okay I see"])
def test_some_of_the_phrases_one_after_the_other(text: str) -> None:
    assert is_made_of(text, PHRASES, 3)


@pytest.mark.parametrize(
    "text", ["Ja, ja, genau.", "Nat\u00fcrlich.", "Natu\u0308rlich", "NATU\u0308RLICH, ja", "Ach so"]
)
def test_an_accent_is_one_letter_however_a_recogniser_writes_it(text: str) -> None:
    assert is_made_of(text, ("ja", "genau", "nat\u00fcrlich", "ach so"), 3)
    assert is_made_of(text, ("ja", "genau", "natu\u0308rlich", "ach so"), 3)


@pytest.mark.parametrize("text", ["Stopp!", "Moment", "Nein, warte.", "Entschuldigung, aber", "Ja, aber"])
def test_in_another_language_too_other_words_are_something_to_say(text: str) -> None:
    assert not is_made_of(text, ("ja", "genau", "nat\u00fcrlich", "ach so"), 3)


@pytest.mark.parametrize("text", ["", "?!", "okay but", "see", "i", "stop", "no, wait", "okay okay okay okay", "uh"])
def test_anything_else_is_something_to_say(text: str) -> None:
    assert not is_made_of(text, PHRASES, 3)


@pytest.mark.parametrize("text", ["I", "uh", "Okay, I", "right okay uh"])
def test_a_phrase_that_breaks_off_may_still_become_one(text: str) -> None:
    assert may_become(text, PHRASES, 4)


@pytest.mark.parametrize("text", ["", "see", "stop", "I have", "stop I", "okay", "okay okay right uh"])
def test_nothing_else_becomes_one(text: str) -> None:
    assert not may_become(text, PHRASES, 4)


@pytest.mark.parametrize(
    "text",
    [
        "Sure thing.",
        "right, right",
        "Okay, go on.",
        "Got it.",
        "Mm-hmm.",
        "Mhmm",
        "Hmm.",
        "all right",
        "Yep.",
        "I understand",
    ],
)
def test_the_example_bank_knows_what_listeners_say_as_recognisers_write_it(text: str) -> None:
    rules = load(BANK).barge_in
    assert rules is not None
    assert is_made_of(text, rules.backchannels, rules.most_words)


@pytest.mark.parametrize(
    "text", ["Stop.", "No, wait.", "Go on holiday", "Oh no", "hold on", "I see a problem", "perfect, but"]
)
def test_what_asks_for_an_answer_is_none_in_the_example_bank(text: str) -> None:
    rules = load(BANK).barge_in
    assert rules is not None
    assert not is_made_of(text, rules.backchannels, rules.most_words)


@pytest.mark.parametrize("text", ["Uh.", "um, uh...", "Uhhh", "Hmmm", "ER"])
def test_nothing_but_fillers_is_a_hesitation_however_long_they_are_drawn_out(text: str) -> None:
    assert hesitates(text, ("uh", "um", "er", "hmm"))


@pytest.mark.parametrize("text", ["\u00c4hm...", "\u00e4\u00e4\u00e4h", "A\u0308h, hm"])
def test_a_hesitation_is_one_in_another_language_too(text: str) -> None:
    assert hesitates(text, ("\u00e4h", "\u00e4hm", "hm"))


@pytest.mark.parametrize("text", ["", "...", "uh my card", "ah", "error", "uh-huh"])
def test_anything_else_is_no_hesitation(text: str) -> None:
    assert not hesitates(text, ("uh", "um", "er", "hmm"))


def test_a_rule_that_names_no_filler_is_written_as_before_there_were_any() -> None:
    rules = BargeIn(backchannels=("ja",))
    assert "fillers" not in rules.model_dump()
    assert BargeIn(backchannels=("ja",), fillers=("uh",)).model_dump()["fillers"] == ("uh",)


def test_a_line_asks_by_its_question_mark() -> None:
    assert asks("Shall I? I could.")
    assert not asks("I could.")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"yield_after_ms": 2000}, "yield_after_ms must not be more"),
        ({"answers": ("yes",)}, "no backchannel: 'yes'"),
        ({"fillers": ("you know",)}, "the filler 'you know' must be one word"),
        ({"answers": ("mm",), "fillers": ("mmm",)}, "both fillers and answers: 'mmm'"),
        ({"unfinished": ("to", "...")}, "unfinished names what has no word: '...'"),
        ({"backchannels": ("mm", "go on"), "unfinished": ("on",)}, "ends unfinished, and is a backchannel: 'go on'"),
        ({"backchannels": ("mm", "...")}, "'...' must have 1 to 4 words"),
        ({"backchannels": ("one two three four five",)}, "must have 1 to 4 words"),
    ],
)
def test_settings_that_contradict_themselves_are_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        BargeIn.model_validate({"backchannels": ("mm",), **wrong})


@pytest.mark.parametrize(
    "text", ["I want to", "My card and…", "and the", "It's my.", "Well, I'd like", "Ich möchte zu"]
)
def test_who_ends_with_an_unfinished_word_breaks_off(text: str) -> None:
    assert breaks_off(text, ("to", "and", "the", "my", "i’d like", "zu"))


@pytest.mark.parametrize("text", ["", "Who do I talk to?", "I like", "Too", "the card", "today", "to me"])
def test_nobody_else_does(text: str) -> None:
    assert not breaks_off(text, ("to", "and", "the", "my", "i'd like"))


@pytest.mark.parametrize(
    "text", ["That's all I need.", "Yes, I do.", "I lost it", "No that's all, thank you, goodbye."]
)
def test_the_example_bank_waits_for_no_more_where_all_is_said(text: str) -> None:
    rules = load(BANK).barge_in
    assert rules is not None
    assert not breaks_off(text, rules.unfinished)


def test_a_behaviour_that_names_no_unfinished_word_is_written_as_before() -> None:
    assert "unfinished" not in BargeIn(backchannels=("mm",)).model_dump()
