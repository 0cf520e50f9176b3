"""A waiting caller: which granted line for which mark, each once, none made up for."""

from __future__ import annotations

import pytest

from schemas.decisions import GrantedPhrase, StandingGranted
from voice_gateway.waiting import Mark, Waiting, granted_line, standing_plan


def waiting() -> Waiting:
    return Waiting(0.0, "u1", (950, 3200), ("look", "still"), 6000, final=True)


def grant(*pragmatics: str) -> StandingGranted:
    phrases = tuple(GrantedPhrase(f"p{i}", "acknowledge", kind, "One moment.") for i, kind in enumerate(pragmatics))
    closing = GrantedPhrase("closing", "apologise", "close", "Sorry.")
    return StandingGranted(
        take=1, phrases=phrases, closing=closing, hold_marks_ms=(950, 3200), hard_ms=6000, guarded_by=()
    )


def test_nothing_is_due_before_its_mark() -> None:
    assert waiting().due(949) is None


def test_each_mark_is_due_once() -> None:
    caller = waiting()
    assert caller.due(950) == Mark(950, "look")
    assert caller.due(951) is None
    assert caller.due(3200) == Mark(3200, "still")
    assert caller.due(9999) is None


def test_a_mark_that_was_missed_is_not_made_up_for() -> None:
    caller = waiting()
    assert caller.due(4000) == Mark(3200, "look")
    assert caller.due(4001) is None


def test_a_caller_whose_words_are_known_late_is_told_first_that_the_agent_looks() -> None:
    marks_ms, phrases = (950, 2600, 4300), ("look", "still", "person")
    caller = Waiting(0.0, "u1", marks_ms, phrases, 6000, final=True)
    assert caller.due(2700) == Mark(2600, "look")
    assert caller.due(4300) == Mark(4300, "still")
    assert Waiting(0.0, "u1", marks_ms, phrases, 6000, final=True).due(4400) == Mark(4300, "look")


def test_the_turns_own_plan_goes_on_behind_the_line_that_was_played() -> None:
    caller = waiting()
    caller.due(4000)
    caller.plan((1000, 2000, 4500), ("a", "b", "c"), 6000)
    assert caller.due(4500) == Mark(4500, "b")


def test_the_turns_own_plan_leaves_played_marks_played() -> None:
    caller = waiting()
    caller.due(950)
    caller.plan((1000, 2000), ("a", "b"), 5000)
    assert caller.due(1500) is None
    assert caller.due(2000) == Mark(2000, "b")
    assert caller.hard_ms == 5000


def test_the_standing_plan_looks_up_first_then_is_still_working() -> None:
    assert standing_plan(grant("still_working", "looking_up", "offer_person"), 0) == ("p1", "p0")


def test_the_standing_plan_varies_from_turn_to_turn() -> None:
    granted = grant("looking_up", "looking_up", "still_working")
    assert {standing_plan(granted, turn)[0] for turn in range(4)} == {"p0", "p1"}


def test_no_line_stands_twice_in_the_plan_while_another_is_left() -> None:
    granted = grant("looking_up", "offer_person")
    assert {standing_plan(granted, turn) for turn in range(4)} == {("p0", "p1")}


def test_a_repair_is_no_holding_line() -> None:
    granted = grant("repair", "looking_up")
    assert standing_plan(granted, 0) == ("p1", "p1")
    assert granted_line(granted, "p1", last="p1") == granted.phrases[1]


@pytest.mark.parametrize("pragmatics", [("looking_up",), ("offer_person", "offer_person")])
def test_with_few_phrases_every_mark_still_has_one(pragmatics: tuple[str, ...]) -> None:
    assert len(standing_plan(grant(*pragmatics), 1)) == 2


def test_with_no_phrase_granted_only_the_hard_mark_is_left() -> None:
    assert standing_plan(grant(), 3) == ()
