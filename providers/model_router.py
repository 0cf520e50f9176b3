"""One routed name, several providers: who is asked, in which order, and what counts as an answer.

complete(request)
  1. an extra attempt waits for a token, and needs a provider that isn't pressed   (extra_calls, routed_provider, comeback)
  2. urgent requests pass, deferrable ones wait for room                 (urgency_gate)
  3. providers in the route's order, turned by the attempt               attempt 1 begins at the second provider
  4. a provider that said Retry-After is parked until then, one that mostly fails is left alone (circuit_breaker): both
     are passed over while another is free; with nobody else to ask one waits for the parked one in a line (waiting_line)
  5. a completion that isn't one (off-schema, another language) is a failure like any other
  6. a failure that another provider may not share moves on to the next, within the request's timeout, unless a sentence
     was told already: those of two runs never make one answer
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from types import MappingProxyType

from agent_core import metering
from agent_core.pace import ModelPace
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, LanguageModel, ProviderError
from providers.extra_calls import ExtraCalls
from providers.json_shape import shape_problem
from providers.language_check import in_other_language
from providers.pace import Key, PaceBook
from providers.routed_provider import RoutedProvider, Stopwatch, breaks, has_no_more
from providers.stated_limits import UNSTATED, StatedLimits
from providers.urgency_gate import UrgencyGate
from providers.waiting_line import Rank

# A refusal is the model's answer to this very question: asking elsewhere until one agrees would be shopping for a yes.
_FINAL = frozenset({FailureReason.REFUSED, FailureReason.CANCELLED})
# Who is asked keeps the time by itself and says which model was late; this is for those that don't.
NET_S = 0.02
# At a provider in doubt a late attempt waits for so many times what nine in ten calls take: who is late by that much more
# has stalled. In its place while too few calls were seen: in a brownout most take longer than usual.
_USUAL_QUANTILE, _STALLS_AT, _STALLS_AT_UNKNOWN_MS = 0.9, 3.0, 3000.0
_TRIES_PER_PROVIDER = 2  # the second only after a park that ended in time; refusals for its rate aren't counted


@dataclass(frozen=True, slots=True)
class Attempted:
    """One provider was asked. ``reason`` is None where it answered."""

    label: str
    provider: str
    reason: FailureReason | None
    detail: str  # of the failure, for engineers
    took_ms: float
    result: CompletionResult | None  # what it cost, where it answered: an invalid completion is paid for too


class ModelRouter:
    """A ``LanguageModel`` over others. A provider that serves several routes is parked, broken, pressed in all of them."""

    def __init__(
        self,
        routes: Mapping[str, Sequence[LanguageModel]],
        *,
        name: str = "router",
        limit: int = 32,
        extra: ExtraCalls | None = None,
        observe: Callable[[Attempted], None] | None = None,
        others: Sequence[LanguageModel] = (),
        stated: Mapping[str, StatedLimits] = MappingProxyType({}),
    ) -> None:
        """``limit``: requests in flight above which deferrable ones wait. ``others``: who is asked under a name that no route
        has, as behaviours may have that come with calls; nobody: it is missing. ``stated``: limits of providers, by name."""
        if any(not models for models in routes.values()):
            raise ValueError("a route needs at least one provider")
        self.name = name
        known: dict[int, RoutedProvider] = {}

        def routed(model: LanguageModel) -> RoutedProvider:
            limited = RoutedProvider.limited(model, stated.get(model.name, UNSTATED))
            return known.setdefault(id(model), limited)

        self._routes = {route: [routed(model) for model in models] for route, models in routes.items()}
        self._others = [routed(model) for model in others]
        self._gate = UrgencyGate(limit)
        self._extra = extra or ExtraCalls()
        self._observe = observe
        self._book = PaceBook()
        self._came = count()

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        """Raises the last provider's ProviderError; TIMED_OUT where the request's timeout ran out first, CAPPED where an
        extra attempt may not start."""
        loop = asyncio.get_running_loop()
        order = self._order(request, loop.time())
        deadline_s = loop.time() + request.timeout_ms / 1000
        if request.attempt > 0:
            order = await self._extra_order(order, request, deadline_s)
        try:
            async with asyncio.timeout_at(deadline_s) as waiting, self._gate.enter(urgent=request.urgent):
                waiting.reschedule(None)  # from here on each provider is held to the deadline by name
                return await self._first_answer(order, request, deadline_s)
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name) from error

    def pace(self, model: str, purpose: str, quantile: float | None) -> ModelPace | None:
        """What newest calls took at the provider that would be asked first; None where there is no such route."""
        route = self._routes.get(model, self._others)
        if not route:
            return None
        now_s = asyncio.get_running_loop().time()
        first = next((provider for provider in route if provider.free(now_s)), route[0])
        key = Key(first.model.name, model, purpose)
        return ModelPace(
            provider=first.model.name,
            samples=self._book.samples(key),
            first_ms=None if quantile is None else self._book.first_ms(key, quantile),
            gap_ms=None if quantile is None else self._book.gap_ms(key, quantile),
            cost_micros=self._book.cost_micros(key),
        )

    async def close(self) -> None:
        """Close every provider once."""
        models = {id(p.model): p.model for p in chain(*self._routes.values(), self._others)}
        for model in models.values():
            await model.close()

    def _order(self, request: CompletionRequest, now_s: float) -> list[RoutedProvider]:
        """Who may be asked, the first one first. Raises ProviderError MISSING."""
        route = self._routes.get(request.model, self._others)
        if not route:
            raise ProviderError(FailureReason.MISSING, self.name, f"no route {request.model}")
        first = request.attempt % len(route)
        order = [*route[first:], *route[:first]]
        if request.attempt == 0:
            self._extra.first()
            for provider in order:
                provider.sees_first(now_s)
            order[0].takes_first(request, now_s)
        return order

    async def _extra_order(
        self, order: Sequence[RoutedProvider], request: CompletionRequest, deadline_s: float
    ) -> list[RoutedProvider]:
        """Who of them may be asked for more than first calls, once there is a token. Raises ProviderError CAPPED."""
        loop = asyncio.get_running_loop()
        free = [provider for provider in order if provider.takes_extra(loop.time())]
        if request.extra:
            free = [provider for provider in free if provider.takes_late()]
        if free and free[0].in_doubt(loop.time()):
            yields_s = self._until_stalled_s(free[0], request)
            if loop.time() + yields_s >= deadline_s:
                raise ProviderError(FailureReason.CAPPED, self.name, "nobody knows what the provider has to spare")
            await asyncio.sleep(yields_s)
        if free and request.extra and not await self._extra.take(request.attempt, deadline_s):
            raise ProviderError(FailureReason.CAPPED, self.name, "the share of extra calls is used up")
        free = [provider for provider in free if provider.takes_extra(loop.time())]
        if not free:
            raise ProviderError(FailureReason.CAPPED, self.name, "every provider is pressed")
        free[0].comeback.take(loop.time())
        free[0].ventured += request.extra and not free[0].has_answered
        return free

    def _until_stalled_s(self, provider: RoutedProvider, request: CompletionRequest) -> float:
        """How long a further attempt yields to first calls, so that it is cancelled where its ask was slow and no more."""
        usual_ms = self._book.first_ms(Key(provider.model.name, request.model, request.purpose), _USUAL_QUANTILE)
        return (usual_ms * _STALLS_AT if usual_ms is not None else _STALLS_AT_UNKNOWN_MS) / 1000

    async def _first_answer(
        self, order: Sequence[RoutedProvider], request: CompletionRequest, deadline_s: float
    ) -> CompletionResult:
        tries = dict.fromkeys(range(len(order)), _TRIES_PER_PROVIDER)
        rank = Rank(not request.urgent, request.attempt > 0, next(self._came))
        last: ProviderError | None = None
        while True:
            chosen = _next(order, tries, asyncio.get_running_loop().time(), deadline_s)
            if chosen is None:
                raise last or _nobody(self.name, order, asyncio.get_running_loop().time())
            provider = order[chosen]
            may_ask = await provider.line.turn(rank, deadline_s)
            now_s = asyncio.get_running_loop().time()
            if now_s >= deadline_s:
                raise last or _nobody(self.name, [provider], now_s)
            if not may_ask:
                tries[chosen] = 0
            if not may_ask or not provider.breaker.allows(now_s):
                continue  # who was let through before found it used up, or broken
            if chosen > 0 and request.attempt == 0:
                provider.takes_first(request, now_s)  # nobody counted on it here
            watch = Stopwatch(self._book, provider.model.name, request, now_s)
            try:
                return await self._ask(provider, request, deadline_s, watch)
            except ProviderError as error:
                last = error
                if error.reason in _FINAL or watch.told:
                    raise
                if not provider.worth_waiting(asyncio.get_running_loop().time()):
                    tries[chosen] = 0
                elif not has_no_more(error):
                    tries[chosen] -= 1

    async def _ask(
        self, provider: RoutedProvider, request: CompletionRequest, deadline_s: float, watch: Stopwatch
    ) -> CompletionResult:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        probe = provider.breaker.begin(began_s)
        reason: FailureReason | None = FailureReason.CANCELLED
        failed: bool | None = None  # a cancelled call says nothing of the provider
        detail = model = ""
        result: CompletionResult | None = None
        noted = metering.mark()
        asked = replace(
            request,
            timeout_ms=max(1, round((deadline_s - began_s) * 1000)),
            on_sentence=(lambda sentence: watch.tell(sentence, loop.time())) if request.on_sentence else None,
        )
        try:
            result = await self._within(provider, asked, deadline_s)
            self._validate(result, request)
            reason, failed = None, False
            provider.answered(result.allowance, loop.time())
            return result
        except ProviderError as error:
            reason, detail, model, failed = error.reason, error.detail, error.model, breaks(error)
            provider.failed(error, began_s, loop.time())
            raise
        finally:
            provider.breaker.end(loop.time(), failed=failed, probe=probe)
            if reason is not None:
                metering.settle(noted, provider.model.name, model, reason.value)
            watch.stop(loop.time(), reason, result.cost_micros if result else None)
            if self._observe is not None:
                took_ms = (loop.time() - began_s) * 1000
                self._observe(Attempted(request.label, provider.model.name, reason, detail, took_ms, result))

    async def _within(
        self, provider: RoutedProvider, request: CompletionRequest, deadline_s: float
    ) -> CompletionResult:
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
        elif request.language is not None and in_other_language(result.text, request.language):
            problem = f"not in {request.language}"
        if problem is not None:
            metering.note_unusable(result)
            raise ProviderError(FailureReason.INVALID, result.provider, problem, model=result.model)


def _next(order: Sequence[RoutedProvider], tries: Mapping[int, int], now_s: float, deadline_s: float) -> int | None:
    """The first provider that can be asked at once; else the one whose line opens soonest, if that's before the deadline;
    else None."""
    open_ = [index for index in range(len(order)) if tries[index] > 0 and order[index].breaker.allows(now_s)]
    for index in open_:
        if order[index].free(now_s):
            return index
    waitable = [index for index in open_ if not order[index].hopeless and order[index].line.opens_at_s() < deadline_s]
    return min(waitable, key=lambda index: order[index].line.opens_at_s(), default=None)


def _nobody(name: str, order: Sequence[RoutedProvider], now_s: float) -> ProviderError:
    """Why nobody was asked: all are parked or broken."""
    if not any(provider.breaker.allows(now_s) for provider in order):
        return ProviderError(FailureReason.CIRCUIT_OPEN, name, "every provider failed too often")
    soonest = min(order, key=lambda provider: provider.parked_until_s)
    reason = soonest.parked_for.reason if soonest.parked_for else FailureReason.UNAVAILABLE
    return ProviderError(
        reason, name, "every provider is parked", retry_after_s=max(0.0, soonest.parked_until_s - now_s)
    )
