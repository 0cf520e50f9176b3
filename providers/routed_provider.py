"""One provider as its router sees it: parked, broken, pressed, or free; and what each call to it took."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent_core.metering import estimated_prompt_tokens
from agent_core.ports import Allowance, CompletionRequest, FailureReason, LanguageModel, ProviderError, Sentence
from providers.circuit_breaker import Circuit, CircuitBreaker
from providers.comeback import Comeback
from providers.pace import Key, PaceBook, Took
from providers.spare_rate import SpareRate
from providers.stated_limits import StatedLimits
from providers.waiting_line import LEAST_GAP_S, WaitingLine

_PARK_S = {
    FailureReason.RATE_LIMITED: 1.0,  # where the vendor gave no Retry-After
    FailureReason.UNAUTHORISED: 60.0,  # a wrong key stays wrong for a while
    FailureReason.MISSING: 60.0,
}
_HOPELESS = frozenset({FailureReason.UNAUTHORISED, FailureReason.MISSING})  # not worth waiting for
_BREAKS = frozenset({FailureReason.UNAVAILABLE, FailureReason.TIMED_OUT})
# So long after a 429 a provider is asked for nothing beyond first calls: vendors count requests and tokens by the minute.
PRESSED_S = 60.0
LONGEST_PRESSED_S = 960.0
# So much of what a provider says it allows is for first calls alone.
RESERVE = 0.1
# Late attempts that a provider may get before its first answer.
VENTURES = 3
# It refused for so long, and nothing came of it meanwhile: no limit on a rate, but an account that is used up.
SHUT_AFTER_S = 2.0


@dataclass(slots=True)
class RoutedProvider:
    model: LanguageModel
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    line: WaitingLine = field(default_factory=WaitingLine)
    comeback: Comeback = field(default_factory=Comeback)
    requests: SpareRate = field(default_factory=SpareRate)
    tokens: SpareRate = field(default_factory=SpareRate)
    parked_until_s: float = 0.0
    parked_for: ProviderError | None = None
    pressed_until_s: float = 0.0
    pressed_s: float = PRESSED_S
    refuses_since_s: float | None = None
    scarce_until_s: float = 0.0
    has_answered: bool = False
    ventured: int = 0  # late attempts that were made before its first answer

    @classmethod
    def limited(cls, model: LanguageModel, stated: StatedLimits) -> RoutedProvider:
        return cls(model, requests=SpareRate(stated.requests_per_s), tokens=SpareRate(stated.tokens_per_s))

    def free(self, now_s: float) -> bool:
        return self.line.free(now_s) and self.breaker.allows(now_s)

    def pressed(self, now_s: float) -> bool:
        """It said that it has no more, or mostly fails: whatever is extra would take the place of a first call."""
        return now_s < self.pressed_until_s or self.breaker.circuit(now_s) is not Circuit.CLOSED

    def takes_extra(self, now_s: float) -> bool:
        if self.pressed(now_s) or now_s < self.scarce_until_s:
            return False
        return self.comeback.allows(now_s) and self.requests.allows(now_s) and self.tokens.allows(now_s)

    def in_doubt(self, now_s: float) -> bool:
        """It may have calls to spare, and may not: only what has stalled is worth one."""
        return self.requests.in_doubt(now_s) or self.tokens.in_doubt(now_s)

    def takes_late(self) -> bool:
        """Nobody knows how late is late, and what a provider has to spare, before its first answer."""
        return self.has_answered or self.ventured < VENTURES

    def sees_first(self, now_s: float) -> None:
        """A call that would be made without hedging, here or at another provider of the route."""
        self.comeback.first(now_s)
        self.requests.watch(now_s)
        self.tokens.watch(now_s)

    def takes_first(self, request: CompletionRequest, now_s: float) -> None:
        """A call that would be made without hedging. Of its tokens vendors count as many as there may be: an estimate of the
        prompt's and all that it may be answered with (Azure's, Cerebras' and OpenAI's guides on rate limits)."""
        self.requests.first(now_s)
        self.tokens.first(now_s, estimated_prompt_tokens(request.messages) + request.max_tokens)

    @property
    def hopeless(self) -> bool:
        return self.parked_for is not None and self.parked_for.reason in _HOPELESS

    def worth_waiting(self, now_s: float) -> bool:
        return self.parked_until_s > now_s and not self.hopeless and not self._shut(now_s)

    def answered(self, left: Allowance | None, now_s: float) -> None:
        """``left``: what it said is left of its limits. Each answer tells anew."""
        self.refuses_since_s = None
        self.has_answered = True
        if left is not None and (scarcer := left.scarcer()) is not None:
            self.scarce_until_s = now_s + scarcer.resets_in_s if scarcer.share < RESERVE else 0.0
            for spare, told in ((self.requests, left.requests), (self.tokens, left.tokens)):
                if told is not None:
                    spare.tell(told, now_s)

    def failed(self, error: ProviderError, asked_at_s: float, now_s: float) -> None:
        park_s = error.retry_after_s if error.retry_after_s is not None else _PARK_S.get(error.reason)
        if has_no_more(error):
            park_s = max(park_s or 0.0, LEAST_GAP_S)
            if self.refuses_since_s is None or now_s - self.parked_until_s >= SHUT_AFTER_S:
                self.refuses_since_s = now_s
            self.line.slow_down(asked_at_s, now_s)
            self._press(now_s)
        if park_s is not None and now_s + park_s > self.parked_until_s:
            self.parked_until_s, self.parked_for = now_s + park_s, error
            self.line.close(self.parked_until_s)
        if self._shut(now_s):
            self.line.dismiss()

    def _shut(self, now_s: float) -> bool:
        return self.refuses_since_s is not None and now_s - self.refuses_since_s >= SHUT_AFTER_S

    def _press(self, now_s: float) -> None:
        """Twice as long where it was pressed not long before: then the extra calls were what was too much."""
        if now_s < self.pressed_until_s:
            return
        lately = self.pressed_until_s > 0 and now_s - self.pressed_until_s < self.pressed_s
        self.pressed_s = min(self.pressed_s * 2, LONGEST_PRESSED_S) if lately else PRESSED_S
        self.pressed_until_s = now_s + self.pressed_s
        self.comeback.begin(now_s, self.pressed_until_s)


def has_no_more(error: ProviderError) -> bool:
    """A refusal for its rate, or a 503 that says when to come back: overloaded, which isn't broken."""
    overloaded = error.reason is FailureReason.UNAVAILABLE and error.retry_after_s is not None
    return overloaded or error.reason is FailureReason.RATE_LIMITED


def breaks(error: ProviderError) -> bool | None:
    """What a failure says of the provider: it is broken, or nothing."""
    return True if error.reason in _BREAKS and not has_no_more(error) else None


class Stopwatch:
    """Times one call: to its first sentence that can be spoken, and from one sentence to the next."""

    def __init__(self, book: PaceBook, provider: str, request: CompletionRequest, began_s: float) -> None:
        self._book, self._key = book, Key(provider, request.model, request.purpose)
        self._request = request
        self._began_s = self._progress_s = began_s
        self.told = 0

    def tell(self, sentence: Sentence, now_s: float) -> None:
        """Takes a sentence's time and hands it on."""
        self._saw(now_s, ended=True)
        self.told += 1
        self._progress_s = now_s
        if self._request.on_sentence:
            self._request.on_sentence(sentence)

    def stop(self, now_s: float, reason: FailureReason | None, cost_micros: int | None) -> None:
        """The call is over. One that was cancelled, or late for good, would have taken longer; others say nothing."""
        if cost_micros is not None:
            self._book.saw_cost(self._key, cost_micros)
        if reason is None or reason in (FailureReason.CANCELLED, FailureReason.TIMED_OUT):
            self._saw(now_s, ended=reason is None)

    def _saw(self, now_s: float, *, ended: bool) -> None:
        took = Took((now_s - self._progress_s) * 1000, ended)
        if self.told:
            self._book.saw_gap(self._key, took)
        else:
            self._book.saw_first(self._key, took)
