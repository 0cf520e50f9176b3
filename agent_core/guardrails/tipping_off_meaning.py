"""No candidate tells a caller that they are suspected or were reported, in whatever words. Beside ``tipping_off``, which is
exact and sees little."""

from __future__ import annotations

from agent_core.guardrails._meaning import MeaningGuardrail
from agent_core.guardrails.base import Input, OnFailure, Reason


class TippingOffMeaningReason(Reason):
    TOLD = "tipping_off_meaning_told"


GUARDRAIL = MeaningGuardrail(
    name="tipping_off_meaning",
    version="1",
    inputs=(Input.CANDIDATE,),
    blocks=True,
    on_failure=OnFailure.CLOSED,
    reasons=tuple(TippingOffMeaningReason),
    examples_in="tipping_off",
    mistaken=0.03,  # it keeps an answer from being said; in the examples, what comes close to telling is all there is
    near=("advice",),
)
