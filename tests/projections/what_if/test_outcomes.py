"""What makes a recorded outcome the answer to what is asked now: the very thing that it was computed from."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from projections.what_if.outcomes import RecordedAsk, as_now_asked, key_of
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event
from simulation.small_bank import small_bank
from streams.fact_writer import fact_event

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


@pytest.mark.parametrize(("timeout_ms", "came"), [(1600, True), (1500, True), (1499, False), (900, False)])
def test_an_answer_for_which_nobody_would_wait_so_long_today_came_too_late(timeout_ms: int, came: bool) -> None:
    found = RecordedAsk(ANSWERED.ask_id, replace(ANSWERED, timeout_ms=2000), 0, [], [], {0})
    answer = f.CompletionReturned(ask_id=ANSWERED.ask_id, attempt=0, text="It is free.", provider="p", model="m")
    event: Event = replace(fact_event("c1", answer), accepted_at_us=1_500_000)
    late = f.EffectFailed(ask_id=ANSWERED.ask_id, attempt=0, reason="timed_out")
    expected = (answer, 1_500_000) if came else (late, timeout_ms * 1000)
    assert as_now_asked(replace(ANSWERED, timeout_ms=timeout_ms), found, event) == expected
