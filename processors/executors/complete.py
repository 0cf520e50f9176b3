"""Executor: one attempt at an answer by a model, told sentence by sentence where a sentence changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from agent_core.conversation import Ask, Conversation
from agent_core.judges import releases_sentences
from agent_core.metering import note_unusable
from agent_core.model_asks import hedge_of
from agent_core.ports import (
    CompletionRequest,
    CompletionResult,
    FailureReason,
    LanguageModel,
    Message,
    ProviderError,
    Sentence,
)
from agent_core.prompts import prompts_by_model
from agent_core.sentences import sentences_of
from processors.effects import TellingExecutor
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact

# The model keeps the time by itself, and says who was late; this is for one that doesn't.
NET_S = 0.05
_MESSAGES = msgspec.json.Decoder(list[dict[str, str]])


class Complete(TellingExecutor):
    """``CompletionReturned`` at the model's end, and ``SentenceReturned`` before it

    - for each sentence where replies are released by sentence,
    - for those that a stream tells before its end where another attempt may start late: each moves the ask's clock,
    - for none where neither is so: nothing would be decided on them, and the model isn't asked to split its stream.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def run(self, conversation: Conversation, ask: Ask, attempt: int, tell: Callable[[Fact], None]) -> Fact:
        """Raises ``ProviderError``: what the model raises, ``TIMED_OUT``, ``INVALID`` where its sentences aren't those of
        its answer."""
        asked = ask.payload
        assert isinstance(asked, d.CompletionAsked)
        hedge, released = hedge_of(conversation.behaviour, ask), releases_sentences(conversation.behaviour)
        timed = hedge is not None and ask.attempts < hedge.most
        paced = hedge is not None and hedge.late > 0  # how soon sentences usually come is asked of the model's pace
        told = _Told(ask.ask_id, attempt, tell, streamed=released or timed, rest=released)
        request = CompletionRequest(
            purpose=asked.purpose,
            model=asked.model,
            messages=tuple(Message(m["role"], m["content"]) for m in _MESSAGES.decode(asked.messages)),
            label=f"{conversation.id}/{ask.turn_id}|{asked.purpose}.{asked.intent}|{attempt}",
            attempt=attempt,
            extra=attempt >= ask.at_once,
            timeout_ms=asked.timeout_ms,
            language=conversation.behaviour.language,
            intent=asked.intent,
            approved=asked.approved or None,
            prompts=prompts_by_model(conversation.behaviour),
            on_sentence=told.tell if released or paced else None,
        )
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000 + NET_S):
                result = await self._model.complete(request)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self._model.name) from None
        told.tell_rest(result, (loop.time() - began_s) * 1000)
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


class _Told:
    """The sentences of one attempt. As facts: those that the model streams, and the rest of them at its end."""

    def __init__(self, ask_id: str, attempt: int, tell: Callable[[Fact], None], *, streamed: bool, rest: bool) -> None:
        self._ask_id, self._attempt, self._tell = ask_id, attempt, tell
        self._streamed, self._rest = streamed, rest
        self._texts: list[str] = []

    def tell(self, sentence: Sentence, *, last: bool = False) -> None:
        if not self._streamed:
            return
        fact = f.SentenceReturned(
            ask_id=self._ask_id,
            attempt=self._attempt,
            index=len(self._texts),
            last=last,
            text=sentence.text,
            provider=sentence.provider,
            model=sentence.model,
            first_token_ms=sentence.first_token_ms,
            elapsed_ms=sentence.elapsed_ms,
        )
        self._texts.append(sentence.text)
        self._tell(fact)

    def tell_rest(self, result: CompletionResult, elapsed_ms: float) -> None:
        """What the model left untold: one that streams its last sentence, any other all of them."""
        if not self._texts and not self._rest:
            return
        whole = sentences_of(result.text)
        rest = whole[len(self._texts) :]
        if not rest or whole[: len(self._texts)] != self._texts:
            note_unusable(result)
            raise ProviderError(
                FailureReason.INVALID, result.provider, "its sentences aren't those of its answer", model=result.model
            )
        for index, text in enumerate(rest if self._rest else (), start=1):
            sentence = Sentence(text, result.provider, result.model, result.first_token_ms, elapsed_ms)
            self.tell(sentence, last=index == len(rest))
