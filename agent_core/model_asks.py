"""Which asks go to a language model, and for what: those are hedged, cost money and have a pace."""

from __future__ import annotations

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import Means
from agent_core.hedging import Hedge, Purpose
from schemas import decisions as d
from schemas.base import Decision
from schemas.models import Pace


def purpose_of(behaviour: Behaviour, asked: Decision) -> Purpose | None:
    """None for what no language model is asked."""
    if isinstance(asked, d.CompletionAsked):
        return Purpose.ANSWER
    if isinstance(asked, d.ClassificationAsked):
        return None if behaviour.routing.classifier == "local" else Purpose.CLASSIFY
    if isinstance(asked, d.GuardrailAsked):
        return Purpose.GUARD if registry.find(asked.guardrail).means is Means.MODEL else None
    return None


def hedge_of(behaviour: Behaviour, ask: Ask) -> Hedge | None:
    """The strategy for this ask; None where there is nothing to hedge."""
    purpose = purpose_of(behaviour, ask.payload)
    return behaviour.routing.hedge(purpose) if purpose else None


def routed(behaviour: Behaviour, purpose: Purpose) -> str:
    """The routed name of the model that is asked."""
    routing = behaviour.routing
    return {
        Purpose.ANSWER: routing.model,
        Purpose.CLASSIFY: routing.classifier,
        Purpose.GUARD: routing.guard_model,
    }[purpose]


def pace_of(conversation: Conversation, purpose: Purpose) -> Pace | None:
    """What the turn knows of the model's pace."""
    turn = conversation.turn
    return next((pace for pace in (turn.paces if turn else None) or () if pace.purpose == purpose.value), None)
