"""What all services of one running emulator share: the configuration in force, the clock, limits and counters."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from emulators.config import EmulatorConfig
from emulators.draws import Draw
from emulators.faults import FaultCounter, RateLimited, ServerError, Service, Struck


def now_s() -> float:
    """The emulator's only clock: the event loop's."""
    return asyncio.get_running_loop().time()


async def sleep_until(deadline_s: float) -> None:
    """Wait for a moment of ``now_s``. Deadlines, unlike a row of sleeps, don't drift."""
    await asyncio.sleep(max(0.0, deadline_s - now_s()))


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit, and when all of it is back."""

    counted: str  # requests | tokens
    limit: int
    remaining: int
    reset_s: float

    def headers(self) -> Iterator[tuple[str, str]]:
        """As OpenAI tells it, in its guide on rate limits."""
        yield f"x-ratelimit-limit-{self.counted}", str(self.limit)
        yield f"x-ratelimit-remaining-{self.counted}", str(self.remaining)
        yield f"x-ratelimit-reset-{self.counted}", f"{math.ceil(self.reset_s * 1000)}ms"


class TokenBucket:
    """A rate limit that everything shares. It starts full."""

    def __init__(self, per_s: float, burst: int, started_s: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._held = float(burst)
        self._at_s = started_s

    def take(self, at_s: float, count: float = 1.0) -> float | None:
        """Take so many: None, or the seconds until there are."""
        self._held = min(float(self._burst), self._held + (at_s - self._at_s) * self._per_s)
        self._at_s = at_s
        if self._held >= count:
            self._held -= count
            return None
        return (count - self._held) / self._per_s

    def left(self, counted: str) -> Left:
        """After the last ``take``."""
        return Left(counted, self._burst, math.floor(self._held), (self._burst - self._held) / self._per_s)


@dataclass
class ServiceStats:
    """Counters of one service since the server started."""

    requests: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    completed: int = 0
    cut_off: int = 0  # the client went away, or a fault cut the connection
    sockets: int = 0  # websockets that were opened, of the voices that carry several requests on one
    characters: int = 0  # text that was given to a voice, which is what vendors of voices charge for
    prompt_tokens: int = 0  # of models, cached ones among them
    cached_tokens: int = 0
    completion_tokens: int = 0  # as many as were sent, also where the client went away
    refused: Counter[str] = field(default_factory=Counter)  # by HTTP status or websocket close code
    by_kind: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        counters = {name: dict(getattr(self, name)) for name in ("refused", "by_kind", "faults")}
        return {name: value for name, value in vars(self).items() if name not in counters} | counters


@dataclass(slots=True)
class Served:
    """How a request is ending. A socket sets ``cut_off`` itself: its end is no exception."""

    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is turned away before any work: an HTTP status and, where it's given, Retry-After."""

    status: int
    retry_after_s: float | None

    def headers(self) -> dict[str, str]:
        if self.retry_after_s is None:
            return {}
        return {
            "Retry-After": str(math.ceil(self.retry_after_s)),
            "retry-after-ms": str(math.ceil(self.retry_after_s * 1000)),
        }


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that is served, with the faults that it shows."""

    draw: Draw
    struck: Struck
    left: tuple[Left, ...]  # of the limits that are told

    def headers(self) -> dict[str, str]:
        return dict(chain.from_iterable(left.headers() for left in self.left))


class EmulatorState:
    def __init__(self, config: EmulatorConfig) -> None:
        self.stats = {service: ServiceStats() for service in Service}
        self.apply(config)

    def apply(self, config: EmulatorConfig) -> None:
        """Put a configuration in force: windows, limits and ``times`` count from here."""
        self.config = config
        self._applied_s = now_s()
        self._faults = FaultCounter(config.faults)
        self._requests: TokenBucket | None = None
        self._tokens: TokenBucket | None = None
        if calls := config.rate_limit:
            self._requests = TokenBucket(calls.requests_per_s, calls.burst, self._applied_s)
        if tokens := config.token_limit:
            self._tokens = TokenBucket(tokens.tokens_per_s, tokens.burst, self._applied_s)

    def accepts(self, key: str | None) -> bool:
        if not key:
            return False
        return self.config.accepted_keys is None or key in self.config.accepted_keys

    def admit(self, service: Service, draw: Draw, model: str, tokens: int = 0) -> Admitted | Refusal:
        """Count a request; turn it away where a shared limit or a fault says so. ``tokens``: what a completion may take."""
        stats = self.stats[service]
        stats.requests += 1
        stats.by_kind[draw.kind] += 1
        struck = self._faults.strike(service, draw, model)
        stats.faults.update(fault.fault for fault in struck.faults)
        refusal = self._refusal(service, struck, tokens)
        if refusal is None:
            return Admitted(draw, struck, tuple(self._left(service)))
        self.refused(service, refusal.status)
        return refusal

    def _refusal(self, service: Service, struck: Struck, tokens: int) -> Refusal | None:
        if (bucket := self._bucket_of(service)) and (wait_s := bucket.take(now_s())) is not None:
            return Refusal(429, wait_s)
        if self._tokens and service is Service.LLM and (wait_s := self._tokens.take(now_s(), tokens)) is not None:
            return Refusal(429, wait_s)
        if limited := struck.get(RateLimited):
            return Refusal(429, limited.retry_after_s)
        if broken := struck.get(ServerError):
            return Refusal(broken.status, broken.retry_after_s)
        return None

    def _bucket_of(self, service: Service) -> TokenBucket | None:
        limit = self.config.rate_limit
        return self._requests if limit is not None and service in limit.services else None

    def _left(self, service: Service) -> Iterator[Left]:
        calls, tokens = self.config.rate_limit, self.config.token_limit
        if calls and calls.told and (bucket := self._bucket_of(service)):
            yield bucket.left("requests")
        if tokens and tokens.told and self._tokens and service is Service.LLM:
            yield self._tokens.left("tokens")

    def refused(self, service: Service, status: int) -> None:
        self.stats[service].refused[str(status)] += 1

    def slowness(self, service: Service) -> float:
        """The multiplier of every latency of ``service`` at this moment."""
        at_s = now_s() - self._applied_s
        factor = 1.0
        for brownout in self.config.brownouts:
            until_s = math.inf if brownout.until_s is None else brownout.until_s
            if brownout.service is service and brownout.from_s <= at_s < until_s:
                factor *= brownout.multiplier
        return factor

    @contextmanager
    def serving(self, service: Service) -> Iterator[Served]:
        """Count a request as in flight, then as completed, or as cut off where the client or a fault ended it."""
        stats = self.stats[service]
        stats.in_flight += 1
        stats.most_in_flight = max(stats.most_in_flight, stats.in_flight)
        served = Served()
        try:
            yield served
        except (asyncio.CancelledError, ConnectionError):
            served.cut_off = True
            raise
        finally:
            stats.in_flight -= 1
            stats.cut_off += served.cut_off
            stats.completed += not served.cut_off
