"""A cue, not a block: the caller complains, in whatever words. Beside ``complaint``, which is exact and hears little."""

from __future__ import annotations

from agent_core.guardrails._meaning import MeaningGuardrail
from agent_core.guardrails.base import Input, OnFailure, Reason


class ComplaintMeaningReason(Reason):
    STATED = "complaint_meaning_stated"
    AUTHORITY = "complaint_meaning_authority_named"
    DISSATISFIED = "complaint_meaning_dissatisfied"


GUARDRAIL = MeaningGuardrail(
    name="complaint_meaning",
    version="1",
    inputs=(Input.CALLER,),
    blocks=False,
    on_failure=OnFailure.OPEN,
    reasons=tuple(ComplaintMeaningReason),
    examples_in="complaint",
    mistaken=0.05,  # the log says so, and nothing else follows
    near=("vulnerability", "injection"),
)
