"""How much of a text was heard: whole words, never more than was played."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_core.ports import WordTiming
from voice_gateway.spoken import pcm_ms, spoken_prefix

TEXT = "A new card takes three to five working days."


def test_a_second_of_audio_is_a_second() -> None:
    assert pcm_ms(32_000) == 1000


def test_nothing_played_is_nothing_heard() -> None:
    assert spoken_prefix(TEXT, 0, 3000) == ""


def test_all_played_is_all_heard() -> None:
    assert spoken_prefix(TEXT, 3000, 3000) == TEXT


def test_half_played_is_at_most_half_of_the_characters() -> None:
    assert spoken_prefix(TEXT, 1500, 3000) == "A new card takes three"


def test_while_the_rest_is_rendered_a_usual_pace_is_taken() -> None:
    assert spoken_prefix(TEXT, 700, None) == "A new card"


def test_word_times_win_over_the_estimate() -> None:
    words = (WordTiming("A", 0, 100), WordTiming("new", 100, 2900))
    assert spoken_prefix(TEXT, 2899, 3000, words) == "A"
    assert spoken_prefix(TEXT, 2900, 3000, words) == "A new"


SAID_OTHERWISE = ("You", "pay", "twenty", "pounds", "for", "it")


def times(*words: str) -> tuple[WordTiming, ...]:
    return tuple(WordTiming(word, 100.0 * place, 100.0 * place + 100.0) for place, word in enumerate(words))


def test_what_the_voice_reads_in_words_of_its_own_is_heard_once_a_word_behind_it_is() -> None:
    text, words = "You pay £20 for it - once.", times(*SAID_OTHERWISE, "once.")
    assert spoken_prefix(text, 400, None, words) == "You pay"
    assert spoken_prefix(text, 500, None, words) == "You pay £20 for"
    assert spoken_prefix(text, 600, None, words) == "You pay £20 for it -"
    assert spoken_prefix(text, 700, None, words) == text


def test_a_word_that_comes_twice_is_heard_once_a_time() -> None:
    assert spoken_prefix("no no no", 200, None, times("no", "no", "no")) == "no no"


@given(st.text(max_size=80), st.floats(0, 10_000), st.one_of(st.none(), st.floats(1, 10_000)))
def test_it_is_a_prefix_that_grows_with_what_was_played(text: str, played_ms: float, total_ms: float | None) -> None:
    tokens = text.split()
    heard = spoken_prefix(text, played_ms, total_ms).split()
    assert heard == tokens[: len(heard)]
    assert len(heard) <= len(spoken_prefix(text, played_ms + 500, total_ms).split())
