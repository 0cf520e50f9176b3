"""Which facts were taken is known for good, in little room."""

from __future__ import annotations

from streams.seen import SeenFacts


def test_what_was_added_is_known_again_after_it_was_stored() -> None:
    seen = SeenFacts()
    for number in range(1_000):
        seen.add(f"f{number}")
    again = SeenFacts(seen.packed())
    assert len(seen.packed()) == 8_000
    assert all(f"f{number}" in again for number in range(1_000))
    assert not any(f"f{number}" in again for number in range(1_000, 2_000))


def test_a_conversation_that_took_nothing_knows_nothing() -> None:
    assert SeenFacts().packed() == b""
    assert "f0" not in SeenFacts(b"")
