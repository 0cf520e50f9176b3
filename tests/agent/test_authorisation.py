"""Whether a tool may run: the level, for how long, and whose everything is."""

from __future__ import annotations

import pytest
from told_by_hand import signed_in

from agent_core.authorisation import Authorised, Refusal, authorise
from agent_core.subject import Subject, authenticated, read_objects
from agent_core.tools.block_card import BlockCardArguments
from agent_core.tools.card_status import TOOL, CardStatusArguments
from schemas import facts as f

QUESTION = "is my new card on its way"


def subject(*facts: f.SubjectAuthenticated, at_us: int = 0) -> Subject | None:
    found: Subject | None = None
    for seq, fact in enumerate(facts, 1):
        found = authenticated(found, fact, seq, at_us)
    return found


def asked(who: Subject | None, question: str = QUESTION, at_us: int = 0) -> Authorised | Refusal:
    return authorise("card_status", who, question, at_us)


def test_the_arguments_are_the_subject_and_its_own_object() -> None:
    found = asked(subject(signed_in("ada")))
    assert found == Authorised(TOOL, CardStatusArguments("ada", "card-1111"), 1)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((), Refusal.NOT_AUTHENTICATED),
        ((signed_in("ada", "known"),), Refusal.LEVEL_TOO_LOW),
        ((signed_in("ada", "superuser"),), Refusal.LEVEL_TOO_LOW),  # a level that this code doesn't know
        ((signed_in("ada", "none"),), Refusal.LEVEL_TOO_LOW),
        ((signed_in("ada"), signed_in("ada", expires_after_ms=0)), Refusal.EXPIRED),  # taken back
        ((signed_in("ada"), signed_in("ben", "known")), Refusal.LEVEL_TOO_LOW),  # somebody else: nothing is left
    ],
)
def test_without_the_level_there_is_no_tool(facts: tuple[f.SubjectAuthenticated, ...], expected: Refusal) -> None:
    assert asked(subject(*facts)) is expected


@pytest.mark.parametrize(
    "facts",
    [
        (signed_in("ada", "stepped_up"),),
        (signed_in("ada"), signed_in("ada", "known")),  # a lower level adds itself and takes nothing
        (signed_in("ada", expires_after_ms=0), signed_in("ada", "stepped_up")),
        (signed_in("ada", expires_after_ms=0), signed_in("ada")),
    ],
)
def test_a_level_is_covered_by_itself_and_by_higher_ones(facts: tuple[f.SubjectAuthenticated, ...]) -> None:
    assert isinstance(asked(subject(*facts)), Authorised)


def test_time_lowers_the_level() -> None:
    who = subject(signed_in("ada", "stepped_up", 1000), at_us=5_000_000)
    assert isinstance(asked(who, at_us=5_999_999), Authorised)
    assert asked(who, at_us=6_000_000) is Refusal.EXPIRED


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("where is my card", Refusal.OBJECT_UNCLEAR),
        ("where is card 3333", "card-3333"),
        ("the one ending in four four four four please", "card-4444"),
        ("card 5555 5555 5555 4444", "card-4444"),
        ("where is card 1111", Refusal.OTHER_SUBJECT),
        ("card 3333 or 4444", Refusal.OBJECT_UNCLEAR),
    ],
)
def test_of_several_objects_the_caller_names_one(question: str, expected: str | Refusal) -> None:
    found = asked(subject(signed_in("cleo")), question)
    assert (found.arguments.card_id if isinstance(found, Authorised) else found) == expected  # type: ignore[attr-defined]


def test_an_object_that_the_channel_doesnt_vouch_for_is_nobodys() -> None:
    fact = f.SubjectAuthenticated(subject_id="ada", level="verified", method="app_session")
    assert asked(subject(fact)) is Refusal.OBJECT_UNCLEAR
    assert asked(subject(fact), "where is card 1111") is Refusal.OTHER_SUBJECT


def test_a_later_fact_without_objects_leaves_those_before() -> None:
    stepped_up = f.SubjectAuthenticated(subject_id="ada", level="stepped_up", method="one_time_code")
    assert isinstance(asked(subject(signed_in("ada"), stepped_up)), Authorised)


def test_objects_that_cant_be_read_are_none() -> None:
    assert read_objects("[forgotten]") == ()


def test_a_tool_that_there_isnt_is_refused() -> None:
    assert authorise("move_money", subject(signed_in("ada")), QUESTION, 0) is Refusal.NO_SUCH_TOOL


def test_what_writes_is_authorised_as_what_reads_and_needs_its_own_level() -> None:
    assert authorise("block_card", subject(signed_in("ada")), QUESTION, 0) is Refusal.LEVEL_TOO_LOW
    found = authorise("block_card", subject(signed_in("ada", "stepped_up")), QUESTION, 0)
    assert isinstance(found, Authorised)
    assert found.arguments == BlockCardArguments("ada", "card-1111")
