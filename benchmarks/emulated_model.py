"""The emulated language model without its sockets: the same draws, faults, brownouts and limits, on any event loop's clock.

So thousands of turns run on a virtual clock. What the HTTP client would cost isn't in it.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from agent_core.metering import Spent, estimated_prompt_tokens, estimated_tokens, note
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, ProviderError, Sentence
from agent_core.sentences import SentenceSplitter
from emulators.config import EmulatorConfig
from emulators.draws import LABEL_HEADER, Draw, draw_for
from emulators.faults import Service
from emulators.llm_answers import answer
from emulators.openai_chat import Pace
from emulators.state import EmulatorState, Refusal, now_s
from emulators.tokens import prompt_tokens, tokens_of
from providers.rate_headers import allowance

INPUT_MICROS, OUTPUT_MICROS = 0.4, 1.6  # a token: list price of a small model, dollars per million tokens


class EmulatedModel:
    """``asked``: requests that reached it, by purpose; ``refused``: those that its limits turned away; ``tokens``: what its
    limit of tokens counted, where it has one."""

    def __init__(self, name: str, config: EmulatorConfig) -> None:
        self.name = name
        self._state = EmulatorState(config)
        self.asked: Counter[str] = Counter()
        self.refused = 0
        self.tokens = 0

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        """Raises ``ProviderError``: RATE_LIMITED with its Retry-After, TIMED_OUT."""
        draw = draw_for(self._state.config.seed, {LABEL_HEADER: f"{self.name}/{request.label}"}, fallback="", kind="")
        self.asked[request.purpose] += 1
        admitted = self._state.admit(Service.LLM, draw, request.model, self._most_tokens(request))
        if isinstance(admitted, Refusal):
            self.refused += 1
            raise ProviderError(FailureReason.RATE_LIMITED, self.name, retry_after_s=admitted.retry_after_s)
        body = {"messages": [{"role": m.role, "content": m.content} for m in request.messages]}
        said = answer(body, self._state.config.llm, draw, admitted.struck)
        stream = _Stream(tokens_of(said.text), self._pace(draw))
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                await stream.run(request, self.name)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, model=self.name) from None
        finally:
            if not stream.over:
                note(self._spent(request, stream.heard))
        spent = self._spent(request, said.text)
        return CompletionResult(
            text=said.text,
            provider=self.name,
            model=self.name,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            cost_micros=spent.cost_micros,
            allowance=allowance(admitted.headers()),
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _most_tokens(self, request: CompletionRequest) -> int:
        """What its limit counts of a request; counted where there is one."""
        if self._state.config.token_limit is None:
            return 0
        tokens = len(prompt_tokens([(m.role, m.content) for m in request.messages])) + request.max_tokens
        self.tokens += tokens
        return tokens

    def _pace(self, draw: Draw) -> Pace:
        """As the emulator draws it."""
        settings, slow = self._state.config.llm, self._state.slowness(Service.LLM)
        first_ms = draw.lognormal("first token", median=settings.first_token.median_ms, p95=settings.first_token.p95_ms)
        stalls = draw.uniform("stall") < settings.stall_share
        return Pace(
            first_ms / 1000 * slow,
            slow / settings.tokens_per_s,
            settings.stall_after_tokens if stalls else None,
            settings.stall_s if stalls else 0.0,
        )

    def _spent(self, request: CompletionRequest, heard: str) -> Spent:
        sent, got = estimated_prompt_tokens(request.messages), estimated_tokens(len(heard))
        cost = round(sent * INPUT_MICROS + got * OUTPUT_MICROS)
        return Spent(self.name, self.name, sent, got, cost, estimated=True)


class _Stream:
    """Tokens as they come. The loop is woken once a sentence, not once a token: nobody listens in between."""

    def __init__(self, tokens: list[str], pace: Pace) -> None:
        self._tokens, self._pace = tokens, pace
        self._began_s = now_s()
        self.over = False

    @property
    def heard(self) -> str:
        """What came so far."""
        elapsed_s = now_s() - self._began_s
        return "".join(token for n, token in enumerate(self._tokens) if self._pace.due_s(n) <= elapsed_s)

    async def run(self, request: CompletionRequest, name: str) -> None:
        splitter = SentenceSplitter()
        for n, token in enumerate(self._tokens):
            for text in splitter.push(token):
                await self._until(n)
                if request.on_sentence:
                    first_ms, at_ms = self._pace.due_s(0) * 1000, self._pace.due_s(n) * 1000
                    request.on_sentence(Sentence(text, name, name, first_ms, at_ms))
        await self._until(len(self._tokens))
        self.over = True

    async def _until(self, tokens_before: int) -> None:
        await asyncio.sleep(self._began_s + self._pace.due_s(tokens_before) - now_s())
