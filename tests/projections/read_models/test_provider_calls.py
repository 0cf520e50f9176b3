"""Each provider's bill adds up, whoever answered in the end."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from agent_core.conversation import Context, Conversation, initial
from projections.read_models.definition import Seen
from projections.read_models.provider_calls import ProviderCallRow, ProviderCalls
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from schemas.models import ProviderCost
from simulation.small_bank import small_bank
from streams.fact_writer import fact_event

ASK = "t2.s1.answer.fees"
ASKED = d.CompletionAsked(
    ask_id=ASK,
    purpose="answer",
    intent="fees",
    model="answer",
    messages="[]",
    attempts=2,
    request_digest="",
    timeout_ms=4000,
)


def rows(*told: Payload) -> list[ProviderCallRow]:
    bank, fold, found = small_bank(), ProviderCalls(), list[ProviderCallRow]()
    conversation: Conversation = initial("c1", Context(lambda seq, content_hash: bank, lambda: b"key"))
    for at_us, payload in enumerate(told):
        event: Event = replace(fact_event("c1", f.TimerFired(timer_id="t", purpose="late")), payload=payload)
        seen = Seen(replace(event, accepted_at_us=at_us), conversation, conversation, "t2")
        found += [row for row in fold.take(seen) if isinstance(row, ProviderCallRow)]
    return found


def answer(attempt: int = 0, **changes: object) -> f.CompletionReturned:
    made = f.CompletionReturned(
        ask_id=ASK, attempt=attempt, text="It is free.", provider="b", model="m", cost_micros=70
    )
    return replace(made, **changes)


BEFORE = ProviderCost("a", "n", "unavailable", cost_micros=41, estimated=True)
ANSWER = ProviderCost("b", "m", "answered", input_tokens=90, cost_micros=70)


def test_an_answer_of_one_provider_is_one_row() -> None:
    (row,) = rows(ASKED, answer(input_tokens=90))
    assert (row.provider, row.outcome, row.calls, row.input_tokens, row.cost_micros, row.cost_estimated) == (
        "b",
        "answered",
        1,
        90,
        70,
        False,
    )


def test_an_answer_after_a_failure_is_a_row_of_each_and_their_sum_is_the_attempts_cost() -> None:
    over = answer(cost_micros=111, estimated=True, parts=(BEFORE, ANSWER))
    lost = f.EffectCancelled(ask_id=ASK, attempt=1, provider="a", model="n", cost_micros=9, estimated=True)
    bill: Counter[str | None] = Counter()
    for row in rows(ASKED, over, lost):
        bill[row.provider] += row.cost_micros or 0
    assert bill == {"a": 50, "b": 70}
    assert bill.total() == (over.cost_micros or 0) + (lost.cost_micros or 0)


def test_what_is_not_known_stays_null() -> None:
    over = answer(cost_micros=None, known_micros=70, parts=(replace(BEFORE, cost_micros=None), ANSWER))
    assert [(row.cost_micros, row.cost_estimated) for row in rows(ASKED, over)] == [(None, None), (70, False)]


def test_an_attempt_that_is_asked_again_goes_on_counting() -> None:
    failed = f.EffectFailed(ask_id=ASK, attempt=0, reason="unavailable", provider="a", model="n", cost_micros=5)
    found = rows(ASKED, failed, d.AskRepeated(ask_id=ASK, generation=1), answer(parts=(BEFORE, ANSWER)))
    assert [(row.place, row.outcome) for row in found] == [(0, "unavailable"), (1, "unavailable"), (2, "answered")]


def test_where_nobody_was_asked_there_is_no_row() -> None:
    assert rows(ASKED, f.EffectFailed(ask_id=ASK, attempt=0, reason="circuit_open")) == []
    assert rows(f.EffectFailed(ask_id="t2.s1.tool", attempt=0, reason="missing", provider="core")) == []
