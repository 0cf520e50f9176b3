"""What makes a recorded outcome the answer to what is asked now: the very thing that it was computed from."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from projections.what_if.outcomes import key_of
from schemas import decisions as d
from schemas.base import Decision
from simulation.small_bank import small_bank

BANK = small_bank()
CLASSIFIED = d.ClassificationAsked(ask_id="t1.s1.classify", text="What does it cost")
SEARCHED = d.PassagesAsked(ask_id="t1.s1.passages", query="What does it cost")
ANSWERED = d.CompletionAsked(
    ask_id="t1.s1.answer.fees",
    purpose="answer",
    intent="fees",
    model="m",
    attempts=1,
    messages="[]",
    approved="It is free.",
    request_digest="d1",
    timeout_ms=900,
    prompt_id="answer",
    prompt_version="2.abc",
)


def with_intent(**changes: object) -> Behaviour:
    first, *others = BANK.intents
    return BANK.model_copy(update={"intents": (first.model_copy(update=changes), *others)})


def with_article(**changes: object) -> Behaviour:
    return BANK.model_copy(update={"articles": tuple(a.model_copy(update=changes) for a in BANK.articles)})


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        (CLASSIFIED, with_intent(examples=("My card is lost",))),
        (CLASSIFIED, with_intent(name="stolen_card")),
        (CLASSIFIED, with_intent(description="The caller's card is gone.")),
        (SEARCHED, with_article(public="Cards cost five pounds.")),
    ],
)
def test_what_was_computed_from_something_else_is_no_answer(asked: Decision, other: Behaviour) -> None:
    assert key_of(asked, BANK) == key_of(asked, small_bank())
    assert key_of(asked, BANK) != key_of(asked, other)


def test_an_answer_belongs_to_the_very_request_whatever_it_is_called() -> None:
    assert key_of(replace(ANSWERED, ask_id="t9.s2.answer.fees", timeout_ms=100), BANK) == key_of(ANSWERED, BANK)
    assert key_of(replace(ANSWERED, request_digest="d2"), BANK) != key_of(ANSWERED, BANK)
