"""Text is cut where a speaker would breathe, and numbers are said as people say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.speech_text import FIRST_CLAUSE_CHARS, say_digits, spoken_pieces


def test_sentences_come_one_by_one() -> None:
    assert spoken_pieces("Hello, this is Harbour Bank. I'm an AI assistant! How can I help?") == [
        "Hello, this is Harbour Bank.",
        "I'm an AI assistant!",
        "How can I help?",
    ]


def test_a_long_first_sentence_begins_with_its_first_clause() -> None:
    text = "A new card takes three to five working days by post, and you can use it in your phone's wallet at once."
    assert spoken_pieces(text) == [
        "A new card takes three to five working days by post,",
        "and you can use it in your phone's wallet at once.",
    ]
    assert len(spoken_pieces("Well, " + "word " * 20 + "end.")) == 1  # "Well," alone would be a hiccup


def test_nothing_to_say_is_no_piece() -> None:
    assert spoken_pieces("  ... \n -- ") == []
    assert spoken_pieces("") == []


def test_a_sentence_without_end_is_cut_between_words() -> None:
    pieces = spoken_pieces("word " * 200)
    assert max(map(len, pieces)) <= 240
    assert " ".join(pieces).split() == ["word"] * 200


@given(st.text(alphabet="ab ,.;:!?-—'\n1", max_size=800))
def test_no_word_is_lost_or_said_twice(text: str) -> None:
    def letters(part: str) -> str:
        return "".join(character for character in part if character.isalnum())

    pieces = spoken_pieces(text)
    assert "".join(map(letters, pieces)) == letters(text)
    assert all(piece == piece.strip() for piece in pieces)
    assert not pieces or len(pieces[0]) <= max(FIRST_CLAUSE_CHARS, 240)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Call 0800 555 0199.", "Call zero eight zero zero, five five five, zero one nine nine."),
        ("your card ending in 4421 is blocked", "your card ending in four four two one is blocked"),
        ("code 123456", "code one two three four five six"),
        ("+44 20 7946 0000", "plus four four, two zero, seven nine four six, zero zero zero zero"),
        ("in 3 to 5 days", "in 3 to 5 days"),
        ("£1,250.50 at 2.5% until 2027", "£1,250.50 at 2.5% until 2027"),
        ("£25000 and 10000%", "£25000 and 10000%"),
        ("at 10:30", "at 10:30"),
    ],
)
def test_numbers_that_are_read_out_are_said_digit_by_digit(text: str, said: str) -> None:
    assert say_digits(text) == said
