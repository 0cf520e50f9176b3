"""No advice on what to buy, sell or hold, in whatever words. Beside ``regulated_advice``, which is exact and sees little."""

from __future__ import annotations

from agent_core.guardrails._meaning import MeaningGuardrail
from agent_core.guardrails.base import Input, OnFailure, Reason


class AdviceMeaningReason(Reason):
    GIVEN = "advice_meaning_given"


GUARDRAIL = MeaningGuardrail(
    name="advice_meaning",
    version="1",
    inputs=(Input.CANDIDATE,),
    blocks=True,
    on_failure=OnFailure.CLOSED,
    reasons=tuple(AdviceMeaningReason),
    examples_in="advice",
    mistaken=0.025,  # it keeps an answer from being said; in the examples, what comes close to advice is all there is
)
