"""Executor: the scores that a classifier guardrail needs for its verdict."""

from __future__ import annotations

import asyncio

from agent_core.conversation import Ask, Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import ScoringGuardrail
from agent_core.judging import input_subject, output_subject
from agent_core.ports import Embedder, FailureReason, ProviderError
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact


class Score:
    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        asked, turn = ask.payload, conversation.turn
        assert isinstance(asked, d.GuardrailAsked)
        guardrail = registry.find(asked.guardrail)
        if turn is None or not isinstance(guardrail, ScoringGuardrail):
            raise ProviderError(FailureReason.INVALID, asked.guardrail, "it has no scores")
        candidate = turn.candidates.get(asked.candidate_id)
        subject = output_subject(conversation, turn, candidate) if candidate else input_subject(conversation, turn)
        loop = asyncio.get_running_loop()
        started = loop.time()
        timeout_s = conversation.behaviour.budget.guardrail_timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                scores = await loop.run_in_executor(None, guardrail.score, subject, self._embedder)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, asked.guardrail) from None
        return f.ScoresReturned(
            ask_id=ask.ask_id,
            scores=tuple(f.Score(name, value) for name, value in sorted(scores.items())),
            model=f"{asked.guardrail}@{registry.find(asked.guardrail).version}",
            elapsed_ms=(loop.time() - started) * 1000,
        )
