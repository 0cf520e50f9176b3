"""A fold that needs the behaviour of a conversation finds the one that it pinned, recorded meanwhile too."""

from __future__ import annotations

import pytest
from recorded_calls import bank

from projections.read_models.definition import RecordedBehaviour
from projections.recorded_behaviour import behaviours_among
from streams.behaviours import BehaviourMissingError


def test_a_behaviour_that_was_recorded_since_is_found_and_one_that_was_not_is_named() -> None:
    behaviour, recorded = bank(), list[RecordedBehaviour]()
    behaviour_of = behaviours_among(lambda: recorded)
    with pytest.raises(BehaviourMissingError, match="behaviour 1 isn't recorded"):
        behaviour_of(1, behaviour.content_hash)
    recorded.append(RecordedBehaviour(1, behaviour.content_hash, behaviour.canonical(), None))
    assert behaviour_of(1, behaviour.content_hash) == behaviour
    with pytest.raises(BehaviourMissingError):
        behaviour_of(1, "another")
