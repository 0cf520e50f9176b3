"""One routed name, several providers: who is asked, in which order, and what counts as an answer.

complete(request)
  1. urgent requests pass, deferrable ones wait for room            (urgency_gate)
  2. providers in the route's order, turned by the attempt          attempt 1 begins at the second provider
  3. a provider that said Retry-After is parked until then; a parked one is passed over while another is free
  4. a completion that isn't one (off-schema, another language) is a failure like any other
  5. a failure that another provider may not share moves on to the next, within the request's timeout; once a sentence of
     the answer was told it is final: sentences of two answers never make one
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, LanguageModel, ProviderError
from providers.json_shape import shape_problem
from providers.language_check import in_other_language
from providers.told_sentences import ToldSentences
from providers.urgency_gate import UrgencyGate

# A refusal is the model's answer to this very question: asking elsewhere until one agrees would be shopping for a yes.
_FINAL = frozenset({FailureReason.REFUSED, FailureReason.CANCELLED})
_PARK_S = {
    FailureReason.RATE_LIMITED: 1.0,  # where the vendor gave no Retry-After
    FailureReason.UNAUTHORISED: 60.0,  # a wrong key stays wrong for a while
    FailureReason.MISSING: 60.0,
}
_HOPELESS = frozenset({FailureReason.UNAUTHORISED, FailureReason.MISSING})  # not worth waiting for
# Who is asked keeps the time by itself and says which model was late; this is for those that don't.
NET_S = 0.02
_TRIES_PER_PROVIDER = 2  # the second only after a park that ended in time


@dataclass(frozen=True, slots=True)
class Attempted:
    """One provider was asked. ``reason`` is None where it answered."""

    label: str
    provider: str
    reason: FailureReason | None
    took_ms: float
    result: CompletionResult | None  # what it cost, where it answered: an invalid completion is paid for too


@dataclass(slots=True)
class _Provider:
    model: LanguageModel
    parked_until_s: float = 0.0
    parked_for: ProviderError | None = None

    def park(self, error: ProviderError, now_s: float) -> None:
        park_s = error.retry_after_s if error.retry_after_s is not None else _PARK_S.get(error.reason)
        if park_s is not None and now_s + park_s > self.parked_until_s:
            self.parked_until_s, self.parked_for = now_s + park_s, error

    @property
    def hopeless(self) -> bool:
        return self.parked_for is not None and self.parked_for.reason in _HOPELESS

    def worth_waiting(self, now_s: float) -> bool:
        return self.parked_until_s > now_s and not self.hopeless


class ModelRouter:
    """A ``LanguageModel`` over others. A provider that serves several routes is parked in all of them."""

    def __init__(
        self,
        routes: Mapping[str, Sequence[LanguageModel]],
        *,
        name: str = "router",
        limit: int = 32,
        language: str | None = None,
        observe: Callable[[Attempted], None] | None = None,
    ) -> None:
        """``limit``: requests in flight above which deferrable ones wait. ``language``: what answers must be in."""
        if any(not models for models in routes.values()):
            raise ValueError("a route needs at least one provider")
        self.name = name
        known: dict[int, _Provider] = {}
        self._routes = {
            route: [known.setdefault(id(model), _Provider(model)) for model in models]
            for route, models in routes.items()
        }
        self._gate = UrgencyGate(limit)
        self._language = language
        self._observe = observe

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        """Raises the last provider's ProviderError, or TIMED_OUT where the request's timeout ran out first."""
        route = self._routes.get(request.model)
        if route is None:
            raise ProviderError(FailureReason.MISSING, self.name, f"no route {request.model}")
        deadline_s = asyncio.get_running_loop().time() + request.timeout_ms / 1000
        try:
            async with asyncio.timeout_at(deadline_s) as waiting, self._gate.enter(urgent=request.urgent):
                waiting.reschedule(None)  # from here on each provider is held to the deadline by name
                return await self._first_answer(route, request, deadline_s)
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name) from error

    async def close(self) -> None:
        """Close every provider once."""
        models = {id(p.model): p.model for p in chain.from_iterable(self._routes.values())}
        for model in models.values():
            await model.close()

    async def _first_answer(
        self, route: Sequence[_Provider], request: CompletionRequest, deadline_s: float
    ) -> CompletionResult:
        told = ToldSentences(request.on_sentence, self._language) if request.on_sentence else None
        if told:
            request = replace(request, on_sentence=told.tell)
        first = request.attempt % len(route)
        order = [*route[first:], *route[:first]]
        tries = dict.fromkeys(range(len(order)), _TRIES_PER_PROVIDER)
        last: ProviderError | None = None
        while True:
            now_s = asyncio.get_running_loop().time()
            chosen = _next(order, tries, now_s, deadline_s)
            if chosen is None:
                raise last or _parked_error(self.name, order, now_s)
            provider = order[chosen]
            if provider.parked_until_s > now_s:
                await asyncio.sleep(provider.parked_until_s - now_s)
                continue
            try:
                return await self._ask(provider, request, deadline_s)
            except ProviderError as error:
                last = error
                if error.reason in _FINAL or (told and told.any):
                    raise
                tries[chosen] = tries[chosen] - 1 if provider.worth_waiting(asyncio.get_running_loop().time()) else 0

    async def _ask(self, provider: _Provider, request: CompletionRequest, deadline_s: float) -> CompletionResult:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        left_ms = max(1, round((deadline_s - began_s) * 1000))
        reason: FailureReason | None = FailureReason.CANCELLED
        result: CompletionResult | None = None
        try:
            result = await self._within(provider, replace(request, timeout_ms=left_ms), deadline_s)
            self._validate(result, request)
            reason = None
            return result
        except ProviderError as error:
            reason = error.reason
            provider.park(error, loop.time())
            raise
        finally:
            if self._observe is not None:
                took_ms = (loop.time() - began_s) * 1000
                self._observe(Attempted(request.label, provider.model.name, reason, took_ms, result))

    async def _within(self, provider: _Provider, request: CompletionRequest, deadline_s: float) -> CompletionResult:
        try:
            async with asyncio.timeout_at(deadline_s + NET_S):
                return await provider.model.complete(request)
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, provider.model.name) from error

    def _validate(self, result: CompletionResult, request: CompletionRequest) -> None:
        problem: str | None = None
        if not result.text.strip():
            problem = "empty completion"
        elif request.json_schema is not None:
            problem = shape_problem(result.text, request.json_schema)
        elif self._language is not None and in_other_language(result.text, self._language):
            problem = f"not in {self._language}"
        if problem is not None:
            raise ProviderError(FailureReason.INVALID, result.provider, problem, model=result.model)


def _next(order: Sequence[_Provider], tries: Mapping[int, int], now_s: float, deadline_s: float) -> int | None:
    """The first free provider; else the one that is free soonest, if that's before the deadline; else None."""
    open_ = [index for index in range(len(order)) if tries[index] > 0]
    for index in open_:
        if order[index].parked_until_s <= now_s:
            return index
    waitable = [index for index in open_ if not order[index].hopeless and order[index].parked_until_s < deadline_s]
    return min(waitable, key=lambda index: order[index].parked_until_s, default=None)


def _parked_error(name: str, order: Sequence[_Provider], now_s: float) -> ProviderError:
    soonest = min(order, key=lambda provider: provider.parked_until_s)
    reason = soonest.parked_for.reason if soonest.parked_for else FailureReason.UNAVAILABLE
    return ProviderError(reason, name, "every provider is parked", retry_after_s=soonest.parked_until_s - now_s)
