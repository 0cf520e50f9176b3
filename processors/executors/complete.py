"""Executor: one attempt at an answer by a model."""

from __future__ import annotations

import asyncio

import msgspec

from agent_core.conversation import Ask, Conversation
from agent_core.ports import CompletionRequest, FailureReason, LanguageModel, Message, ProviderError
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact

# The model keeps the time by itself, and says who was late; this is for one that doesn't.
NET_S = 0.05
_MESSAGES = msgspec.json.Decoder(list[dict[str, str]])


class Complete:
    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        asked = ask.payload
        assert isinstance(asked, d.CompletionAsked)
        request = CompletionRequest(
            purpose=asked.purpose,
            model=asked.model,
            messages=tuple(Message(m["role"], m["content"]) for m in _MESSAGES.decode(asked.messages)),
            label=f"{conversation.id}/{ask.turn_id}|{asked.purpose}.{asked.intent}|{attempt}",
            attempt=attempt,
            timeout_ms=asked.timeout_ms,
            intent=asked.intent,
            approved=asked.approved or None,
        )
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000 + NET_S):
                result = await self._model.complete(request)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self._model.name) from None
        return f.CompletionReturned(
            ask_id=ask.ask_id,
            attempt=attempt,
            text=result.text,
            provider=result.provider,
            model=result.model,
            input_tokens=result.input_tokens,
            cached_tokens=result.cached_tokens,
            output_tokens=result.output_tokens,
            cost_micros=result.cost_micros,
            first_token_ms=result.first_token_ms,
            total_ms=result.total_ms,
        )
