"""Asks a model whether somebody acts for another person or claims an authority. A cue, not a block."""

from __future__ import annotations

from agent_core.guardrails._model import ModelGuardrail
from agent_core.guardrails.base import Input, OnFailure, Reason


class ModelThirdPartyReason(Reason):
    FOUND = "model_third_party_found"


GUARDRAIL = ModelGuardrail(
    name="model_third_party",
    version="1",
    inputs=(Input.CALLER,),
    on_failure=OnFailure.OPEN,
    question="Does the speaker ask about somebody else's account, act for another person, or claim to be police, a court or bank staff?",
    reason=ModelThirdPartyReason.FOUND,
    blocks=False,
)
