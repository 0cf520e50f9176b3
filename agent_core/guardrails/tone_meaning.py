"""How the agent doesn't talk to a caller, in whatever words: rude, pressing, sarcastic. Beside ``agent_tone``, which is exact
and sees little.

A reply waits for it as it does for what else is judged by meaning, on the same embedding; it has a fraction of their time, and
where that runs out the answer is given: manners are no reason to keep a caller waiting.
"""

from __future__ import annotations

from agent_core.guardrails._meaning import MeaningGuardrail
from agent_core.guardrails.base import Input, OnFailure, Reason


class ToneMeaningReason(Reason):
    RUDE = "tone_meaning_rude"
    PRESSURING = "tone_meaning_pressuring"
    SARCASTIC = "tone_meaning_sarcastic"


GUARDRAIL = MeaningGuardrail(
    name="tone_meaning",
    version="1",
    inputs=(Input.CANDIDATE,),
    blocks=True,
    on_failure=OnFailure.OPEN,
    reasons=tuple(ToneMeaningReason),
    examples_in="tone",
    mistaken=0.02,  # it keeps an answer from being said; in the examples, what comes close to it is all there is
    near=("advice", "tipping_off"),
    budget_ms=250,
)
