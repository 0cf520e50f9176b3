"""How long a guardrail may take for its scores, and the timer that ends the wait."""

from __future__ import annotations

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask
from agent_core.guardrails import registry

TIMER = "guardrail"  # purpose of the timer


def budget_ms(behaviour: Behaviour, name: str) -> int:
    """The guardrail's own budget, or what behaviour allows where that is less."""
    setting = behaviour.guardrail(name)
    allowed = (setting.budget_ms if setting else None) or registry.find(name).budget_ms
    return min(allowed, behaviour.budget.guardrail_timeout_ms)


def timer_of(ask: Ask) -> str:
    """The id of the timer of an ask for scores: another one each time that it is asked again."""
    return f"{prefix_of(ask.ask_id)}{ask.generation}"


def prefix_of(ask_id: str) -> str:
    """What the ids of all timers of this ask begin with."""
    return f"{ask_id}.{TIMER}."
