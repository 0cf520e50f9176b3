"""The example bank's agent, set up for the race: 1 classification, 4 answers in 3 attempts each, 4 model guardrails.

The guardrails that are patterns or policies stay as the bank has them. The one that runs an embedding gives way to the
model's question about the same thing, so that no local model's CPU stands in the figures of either side.
"""

from __future__ import annotations

from agent_core.behaviour import Behaviour, Budget, GuardrailSetting
from agent_core.behaviour_loader import load
from agent_core.guardrails import registry
from agent_core.guardrails.base import Means
from console.settings import EXAMPLE_BEHAVIOUR

CALLS_A_TURN = 17
ATTEMPTS = 3
ANSWERED_INTENTS = 4
MODEL_GUARDS = ("model_complaint", "model_injection", "model_third_party", "model_vulnerability")

# Wide enough that no turn of a run is decided by a timeout: both sides would then wait for the same clock.
BUDGET = Budget(
    hold_marks_ms=(950, 3200),
    give_up_ms=14_000,
    hard_ms=15_000,
    completion_timeout_ms=12_000,
    guardrail_timeout_ms=12_000,
)


def race_behaviour() -> Behaviour:
    bank = load(EXAMPLE_BEHAVIOUR)
    kept = tuple(g for g in bank.guardrails if registry.find(g.name).means not in (Means.CLASSIFIER, Means.MODEL))
    asked = tuple(
        GuardrailSetting(name=name, required=True, on_failure="closed", budget_ms=BUDGET.guardrail_timeout_ms)
        for name in MODEL_GUARDS
    )
    routing = bank.routing.model_copy(
        update={"classifier": "classify", "attempts": ATTEMPTS, "max_questions": ANSWERED_INTENTS}
    )
    # Replies are released whole, as the other side has them: by sentence, a turn would be decided on less.
    return bank.model_copy(update={"guardrails": kept + asked, "routing": routing, "budget": BUDGET, "release": None})
