"""How a text is cut in two for rendering, and how long more of it may take."""

from __future__ import annotations

import pytest

from providers.voice_rendering import Waits, in_two


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Your card is blocked now. A new one comes.", ["Your card is blocked now. ", "A new one comes."]),
        ("Just one sentence, and no other.", ["Just one sentence, and no other."]),
        ("Yes. Your card is blocked now. Goodbye.", ["Yes. Your card is blocked now. ", "Goodbye."]),
        ("Mr. Smith of Harbour Bank. Good day.", ["Mr. Smith of Harbour Bank. ", "Good day."]),
        ("It costs 2.50 pounds each month, e.g. for a card.", ["It costs 2.50 pounds each month, e.g. for a card."]),
        ("  Is my card\nblocked now? 24 hours\tat most. ", ["Is my card blocked now? ", "24 hours at most."]),
        ('He said "it is blocked." "Really?" she asked.', ['He said "it is blocked." "Really?" she asked.']),
    ],
)
def test_a_text_is_cut_behind_its_first_whole_sentence(text: str, pieces: list[str]) -> None:
    assert in_two(text) == pieces
    assert "".join(in_two(text)).split() == text.split()


def test_while_audio_is_left_to_play_more_of_it_may_take_as_long_as_the_first() -> None:
    waits = Waits(first_audio_ms=4000, stall_ms=2000)
    assert waits.next_ms(begun=False, ahead_ms=0.0) == 4000
    assert waits.next_ms(begun=True, ahead_ms=0.0) == 2000
    assert waits.next_ms(begun=True, ahead_ms=3100.0) == 3100
    assert waits.next_ms(begun=True, ahead_ms=9000.0) == 4000
