"""Turns begin, pause, resume and end by the audio's own clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.endpointing import Began, Ended, Endpoint, Endpointer, EndpointOptions, Paused, Resumed

WINDOW_MS = 32.0


def run(*stretches: tuple[float, int], options: EndpointOptions | None = None) -> list[Endpoint]:
    """Stretches of (probability, windows)."""
    endpointer, said, at = Endpointer(options), [], 0.0
    for probability, windows in stretches:
        for _ in range(windows):
            endpoint = endpointer.step(probability, at, at + WINDOW_MS)
            at += WINDOW_MS
            if endpoint is not None:
                said.append(endpoint)
    return said


def test_a_turn_begins_where_speech_began_and_ends_with_its_silence() -> None:
    said = run((0.0, 10), (0.9, 20), (0.0, 40))
    assert said == [
        Began(speech_start_ms=320.0, at_ms=416.0),
        Paused(speech_end_ms=960.0, at_ms=960.0 + 192.0),
        Ended(speech_end_ms=960.0, at_ms=960.0 + 512.0),
    ]


def test_speech_after_a_short_silence_resumes_the_turn() -> None:
    said = run((0.9, 10), (0.0, 8), (0.9, 10), (0.0, 20))
    assert [type(endpoint) for endpoint in said] == [Began, Paused, Resumed, Paused, Ended]


def test_a_silence_too_short_to_matter_is_part_of_the_turn() -> None:
    said = run((0.9, 10), (0.0, 5), (0.9, 10), (0.0, 20))
    assert [type(endpoint) for endpoint in said] == [Began, Paused, Ended]


def test_a_click_begins_no_turn_and_resumes_none() -> None:
    assert run((0.0, 5), (0.9, 2), (0.0, 30)) == []
    said = run((0.9, 10), (0.0, 8), (0.9, 2), (0.0, 20))
    assert [type(endpoint) for endpoint in said] == [Began, Paused, Ended]


def test_a_quiet_syllable_does_not_end_a_word_but_begins_none_either() -> None:
    assert run((0.4, 100)) == []
    said = run((0.9, 5), (0.4, 30), (0.0, 20))
    assert said[1] == Paused(speech_end_ms=35 * WINDOW_MS, at_ms=35 * WINDOW_MS + 192)


def test_a_turn_does_not_end_while_speech_may_be_coming_back() -> None:
    """The last two windows before the end sound like speech: it waits until that is certain or gone."""
    said = run((0.9, 10), (0.0, 14), (0.9, 5), (0.0, 20))
    assert [type(endpoint) for endpoint in said] == [Began, Paused, Resumed, Paused, Ended]


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="eager_silence_ms"):
        EndpointOptions(eager_silence_ms=600, end_silence_ms=500)
    with pytest.raises(ValueError, match="stay_probability"):
        EndpointOptions(start_probability=0.3, stay_probability=0.5)


@given(st.lists(st.floats(0, 1), max_size=400))
def test_whatever_comes_the_order_is_that_of_the_port(probabilities: list[float]) -> None:
    followers = {None: {Began}, Began: {Paused}, Paused: {Resumed, Ended}, Resumed: {Paused}, Ended: {Began}}
    said = run(*((probability, 1) for probability in probabilities))
    before: type | None = None
    for endpoint in said:
        assert type(endpoint) in followers[before]
        before = type(endpoint)
    times = [endpoint.at_ms for endpoint in said]
    assert times == sorted(times)
