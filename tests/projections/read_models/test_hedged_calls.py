"""What the read model of model calls says of attempts that started late, and of those that lost."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Context, Conversation, initial
from projections.read_models.definition import Seen
from projections.read_models.model_calls import ModelCallRow, ModelCalls
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from simulation.small_bank import small_bank
from streams.fact_writer import fact_event

ASK = "t2.s1.guard.model_complaint"


def rows(*told: Payload) -> dict[int, ModelCallRow]:
    """The newest row of each attempt, after these events of one conversation."""
    bank, fold, found = small_bank(), ModelCalls(), dict[int, ModelCallRow]()
    conversation: Conversation = initial("c1", Context(lambda seq, content_hash: bank, lambda: b"key"))
    for at_us, payload in enumerate(told):
        event: Event = replace(fact_event("c1", f.TimerFired(timer_id="t", purpose="late")), payload=payload)
        seen = Seen(replace(event, accepted_at_us=at_us), conversation, conversation, "t2")
        found |= {row.attempt: row for row in fold.take(seen) if isinstance(row, ModelCallRow)}
    return found


def test_an_attempt_that_started_late_is_a_row_that_says_why() -> None:
    found = rows(
        d.GuardrailAsked(ask_id=ASK, guardrail="model_complaint", candidate_id="", text="hello"),
        d.AttemptAsked(ask_id=ASK, attempt=1, reason="late", waited_ms=300),
        f.ScoresReturned(
            ask_id=ASK, scores=(), model="b:m", attempt=1, input_tokens=90, output_tokens=5, cost_micros=44
        ),
    )
    assert [(row.attempt, row.started, row.state, row.asked_us) for row in found.values()] == [
        (0, "at_once", "open", 0),
        (1, "late", "returned", 1),
    ]
    assert (found[1].input_tokens, found[1].cost_micros, found[1].cost_estimated) == (90, 44, False)


def test_a_loser_has_its_cost_and_says_that_it_is_an_estimate() -> None:
    found = rows(
        d.GuardrailAsked(ask_id=ASK, guardrail="model_complaint", candidate_id="", text="hello"),
        f.EffectCancelled(ask_id=ASK, attempt=0, provider="a", model="m", cost_micros=31, estimated=True),
    )
    row = found[0]
    assert (row.state, row.provider, row.model, row.cost_micros, row.cost_estimated) == (
        "cancelled",
        "a",
        "m",
        31,
        True,
    )


def test_what_nobody_knows_is_null() -> None:
    found = rows(
        d.GuardrailAsked(ask_id=ASK, guardrail="model_complaint", candidate_id="", text="hello"),
        f.EffectFailed(ask_id=ASK, attempt=0, reason="capped"),
    )
    assert (found[0].reason, found[0].cost_micros, found[0].cost_estimated) == ("capped", None, None)
