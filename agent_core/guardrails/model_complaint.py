"""Asks a model whether the caller expresses dissatisfaction, in whatever words. A cue, not a block."""

from __future__ import annotations

from agent_core.guardrails._model import ModelGuardrail
from agent_core.guardrails.base import Input, OnFailure, Reason


class ModelComplaintReason(Reason):
    FOUND = "model_complaint_found"


GUARDRAIL = ModelGuardrail(
    name="model_complaint",
    version="1",
    inputs=(Input.CALLER,),
    on_failure=OnFailure.OPEN,
    question="Does the speaker express dissatisfaction with the bank, its service or its staff?",
    reason=ModelComplaintReason.FOUND,
    blocks=False,
)
