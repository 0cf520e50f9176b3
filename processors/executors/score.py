"""Executor: the scores that a guardrail with a model in it needs for its verdict."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from agent_core.conversation import Ask, Conversation
from agent_core.guard_budget import budget_ms
from agent_core.guardrails import registry
from agent_core.guardrails._model import ANSWER_SCHEMA, ModelGuardrail, read_answer
from agent_core.guardrails.base import GuardInput, ScoringGuardrail
from agent_core.judging import input_subject, output_subject, shown_to
from agent_core.metering import note_unusable
from agent_core.ports import CompletionRequest, CompletionResult, Embedder, FailureReason, LanguageModel, ProviderError
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact

# A model keeps the time by itself, and says who was late; this is for guardrails that have none.
NET_S = 0.05


class _Scored(NamedTuple):
    scores: dict[str, float]
    model: str
    paid: CompletionResult | None = None  # what a language model answered


class Score:
    """``embedder`` serves classifier guardrails, ``model`` those that ask a language model."""

    def __init__(self, embedder: Embedder, model: LanguageModel) -> None:
        self._embedder, self._model = embedder, model

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        asked, turn = ask.payload, conversation.turn
        assert isinstance(asked, d.GuardrailAsked)
        if turn is None:
            raise ProviderError(FailureReason.CANCELLED, asked.guardrail, "its turn is over")
        candidate = turn.candidates.get(asked.candidate_id)
        subject = output_subject(conversation, turn, candidate) if candidate else input_subject(conversation, turn)
        started = asyncio.get_running_loop().time()
        try:
            # The timer on the log ends the wait; this is for a model that goes on though nobody waits any more.
            async with asyncio.timeout(budget_ms(conversation.behaviour, asked.guardrail) / 1000 + NET_S):
                scored = await self._score(
                    conversation, ask, attempt, asked.guardrail, shown_to(asked.guardrail, subject)
                )
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, asked.guardrail) from None
        return f.ScoresReturned(
            ask_id=ask.ask_id,
            scores=tuple(f.Score(name, value) for name, value in sorted(scored.scores.items())),
            model=scored.model,
            elapsed_ms=(asyncio.get_running_loop().time() - started) * 1000,
            attempt=attempt,
            input_tokens=scored.paid.input_tokens if scored.paid else None,
            cached_tokens=scored.paid.cached_tokens if scored.paid else None,
            output_tokens=scored.paid.output_tokens if scored.paid else None,
            cost_micros=scored.paid.cost_micros if scored.paid else None,
        )

    async def _score(
        self, conversation: Conversation, ask: Ask, attempt: int, name: str, subject: GuardInput
    ) -> _Scored:
        guardrail = registry.find(name)
        if isinstance(guardrail, ModelGuardrail):
            return await self._ask_model(conversation, ask, attempt, guardrail, subject)
        if isinstance(guardrail, ScoringGuardrail):
            loop = asyncio.get_running_loop()
            scores = await loop.run_in_executor(None, guardrail.score, subject, self._embedder)
            return _Scored(scores, f"{name}@{guardrail.version}")
        raise ProviderError(FailureReason.INVALID, name, "it has no scores")

    async def _ask_model(
        self, conversation: Conversation, ask: Ask, attempt: int, guardrail: ModelGuardrail, subject: GuardInput
    ) -> _Scored:
        result = await self._model.complete(
            CompletionRequest(
                purpose="guard",
                model=conversation.behaviour.routing.guard_model,
                messages=guardrail.messages(subject),
                label=f"{conversation.id}/{ask.turn_id}|guard.{guardrail.name}|{attempt}",
                attempt=attempt,
                extra=attempt >= ask.at_once,
                max_tokens=30,
                timeout_ms=budget_ms(conversation.behaviour, guardrail.name),
                json_schema=ANSWER_SCHEMA,
            )
        )
        try:
            return _Scored(read_answer(result.text), f"{result.provider}:{result.model}", result)
        except ValueError as error:
            note_unusable(result)
            raise ProviderError(FailureReason.INVALID, result.provider, str(error)) from None
