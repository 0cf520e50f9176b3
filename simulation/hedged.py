"""A behaviour in which everything that a turn waits for is hedged, and a turn's money has a ceiling."""

from __future__ import annotations

import random

from agent_core.behaviour import Behaviour, GuardrailSetting
from schemas import decisions as d
from schemas.models import Pace

MODEL_GUARD = "model_complaint"
COST_MICROS = (40, 90, 160)  # of a call, as it falls
CEILING_MICROS = 450
_HEDGING = {
    "answer": {"now": 1, "late": 2, "together": 2, "unknown_ms": 250, "at_least_ms": 40},
    "classify": {"now": 2, "late": 1, "unknown_ms": 60, "at_least_ms": 20},
    "guard": {"now": 1, "late": 1, "unknown_ms": 60, "at_least_ms": 20},
}


def with_hedging(behaviour: Behaviour) -> Behaviour:
    """The same behaviour, its classifier and one guardrail models."""
    written = behaviour.model_dump()
    written["guardrails"] = [*written["guardrails"], GuardrailSetting(name=MODEL_GUARD, required=False).model_dump()]
    written["routing"] |= {"attempts": 1, "classifier": "classify", "hedging": _HEDGING}
    written["budget"] |= {"turn_cost_micros": CEILING_MICROS}
    return Behaviour.model_validate(written)


def paces(asked: d.PaceAsked, draw: random.Random) -> tuple[Pace, ...]:
    """Sometimes nothing is known, of some purposes or of all."""
    return tuple(
        Pace(
            purpose=wanted.purpose,
            model=wanted.model,
            provider="simulated",
            samples=40,
            first_ms=draw.choice((None, 60.0, 180.0, 420.0)),
            gap_ms=draw.choice((None, 50.0, 120.0)),
            cost_micros=draw.choice((None, *COST_MICROS)),
        )
        for wanted in asked.wanted
        if draw.random() < 0.8
    )
