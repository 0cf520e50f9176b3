"""Conversations that another system ran are shown to the guardrails that a change brings."""

from __future__ import annotations

from agent_core.behaviour import Behaviour
from projections.what_if.change import parse
from projections.what_if.imported import judged_exchanges
from projections.what_if.report import CHANGED, SAME, TurnWhatIf
from schemas import history as h
from schemas.base import Fact, Kind
from schemas.event import Event
from simulation.small_bank import small_bank


def event(seq: int, turn: int, payload: Fact) -> Event:
    return Event(
        event_id=f"e{seq}",
        type=type(payload).__name__,
        schema_version=payload.VERSION,
        conversation_id="c",
        seq=seq,
        kind=Kind.FACT,
        turn_id=f"t{turn}",
        payload=payload,
    )


SAID = [
    event(1, 1, h.MessageImported(role="caller", text="How long does a card take?")),
    event(2, 1, h.MessageImported(role="agent", text="I guarantee it comes tomorrow.")),
    event(3, 2, h.MessageImported(role="caller", text="Do you guarantee that?")),
    event(4, 2, h.MessageImported(role="agent", text="It costs 40 pounds.")),
]


def judged(what_if: str, base: Behaviour | None = None) -> list[TurnWhatIf]:
    in_use = base or small_bank()
    return list(judged_exchanges(SAID, in_use, parse([what_if]).changed(in_use)))


def test_a_new_guardrail_is_back_tested_on_what_another_agent_said() -> None:
    first, second = judged("guardrail=forbid:guarantee")
    assert (first.reply, first.blocked, first.what_if) == (CHANGED, ("forbidden_topics",), None)
    assert (second.reply, second.blocked, second.comparable) == (SAME, (), False)


def test_guardrails_that_the_change_leaves_alone_are_not_asked() -> None:
    """They would miss the sources: nobody knows what the other agent's model was shown."""
    assert [turn.blocked for turn in judged("budget.hold_ms=300")] == [(), ()]
