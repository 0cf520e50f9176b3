"""Decider: a turn's ceiling of money. Once it is reached, or what is left doesn't pay for an answer, no attempt starts any
more and approved wordings are said.

What was spent comes from facts; attempts that still run count as what such a call usually costs, as far as that is known.
The first attempt at a classification or at a guardrail starts all the same: nothing is said that wasn't judged. So does
what replaces an answer that was asked for already, where the request reads differently at commit.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation
from agent_core.hedging import Purpose
from agent_core.model_asks import pace_of, purpose_of
from agent_core.reducers.spending import COSTLY
from schemas import decisions as d
from schemas.base import Decision
from schemas.event import Event
from schemas.models import PaceKnown

HANDLES = (*COSTLY, PaceKnown, d.CompletionAsked, d.ClassificationAsked, d.GuardrailAsked, d.AttemptAsked)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    ceiling, turn = conversation.behaviour.budget.turn_cost_micros, conversation.turn
    if ceiling is not None and turn is not None and turn.spent_micros + _reserved_micros(conversation) >= ceiling:
        yield from out_of_money(conversation)


def out_of_money(conversation: Conversation) -> Iterator[Decision]:
    """Once a turn: its ceiling is reached, or what is left of it doesn't pay for what would be asked."""
    ceiling, turn = conversation.behaviour.budget.turn_cost_micros, conversation.turn
    if ceiling is None or turn is None or turn.spending_stopped:
        return
    reserved = _reserved_micros(conversation)
    yield d.SpendingStopped(spent_micros=turn.spent_micros, reserved_micros=reserved, ceiling_micros=ceiling)


def affordable(conversation: Conversation, purpose: Purpose) -> int | None:
    """How many more attempts of this purpose the turn's money allows; None: as many as one likes."""
    ceiling, turn = conversation.behaviour.budget.turn_cost_micros, conversation.turn
    if ceiling is None or turn is None:
        return None
    if turn.spending_stopped:
        return 0
    each = _usual_micros(conversation, purpose)
    return max(0, ceiling - turn.spent_micros - _reserved_micros(conversation)) // each if each else None


def _reserved_micros(conversation: Conversation) -> int:
    reserved = 0
    for ask in conversation.asks.values():
        purpose = purpose_of(conversation.behaviour, ask.payload) if ask.open else None
        if purpose:
            reserved += _usual_micros(conversation, purpose) * (ask.attempts - len(ask.done))
    return reserved


def _usual_micros(conversation: Conversation, purpose: Purpose) -> int:
    pace = pace_of(conversation, purpose)
    return pace.cost_micros or 0 if pace else 0
