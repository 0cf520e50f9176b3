"""What all services of one running emulator share: the configuration in force, the clock, limits and counters."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from emulators.config import EmulatorConfig, RateLimit
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

    limit: int
    remaining: int
    reset_s: float

    def headers(self) -> dict[str, str]:
        """As OpenAI tells it, in its guide on rate limits."""
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": f"{math.ceil(self.reset_s * 1000)}ms",
        }


class TokenBucket:
    """A rate limit that everything shares. It starts full."""

    def __init__(self, limit: RateLimit, started_s: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at_s = started_s

    def take(self, at_s: float) -> float | None:
        """Take one token: None, or the seconds until there is one."""
        refill = (at_s - self._at_s) * self._limit.requests_per_s
        self._tokens = min(float(self._limit.burst), self._tokens + refill)
        self._at_s = at_s
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return None
        return (1.0 - self._tokens) / self._limit.requests_per_s

    def left(self) -> Left:
        """After the last ``take``."""
        burst = self._limit.burst
        return Left(burst, math.floor(self._tokens), (burst - self._tokens) / self._limit.requests_per_s)


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
    left: Left | None  # of the shared limit, where there is one


class EmulatorState:
    def __init__(self, config: EmulatorConfig) -> None:
        self.stats = {service: ServiceStats() for service in Service}
        self.apply(config)

    def apply(self, config: EmulatorConfig) -> None:
        """Put a configuration in force: windows, limits and ``times`` count from here."""
        self.config = config
        self._applied_s = now_s()
        self._faults = FaultCounter(config.faults)
        self._bucket = TokenBucket(config.rate_limit, self._applied_s) if config.rate_limit else None

    def accepts(self, key: str | None) -> bool:
        if not key:
            return False
        return self.config.accepted_keys is None or key in self.config.accepted_keys

    def admit(self, service: Service, draw: Draw, model: str) -> Admitted | Refusal:
        """Count a request; turn it away where the shared limit or a fault says so."""
        stats = self.stats[service]
        stats.requests += 1
        stats.by_kind[draw.kind] += 1
        struck = self._faults.strike(service, draw, model)
        stats.faults.update(fault.fault for fault in struck.faults)
        refusal = self._refusal(service, struck)
        if refusal is None:
            bucket = self._bucket_of(service)
            return Admitted(draw, struck, bucket.left() if bucket else None)
        self.refused(service, refusal.status)
        return refusal

    def _refusal(self, service: Service, struck: Struck) -> Refusal | None:
        if bucket := self._bucket_of(service):
            wait_s = bucket.take(now_s())
            if wait_s is not None:
                return Refusal(429, wait_s)
        if limited := struck.get(RateLimited):
            return Refusal(429, limited.retry_after_s)
        if broken := struck.get(ServerError):
            return Refusal(broken.status, broken.retry_after_s)
        return None

    def _bucket_of(self, service: Service) -> TokenBucket | None:
        limit = self.config.rate_limit
        return self._bucket if limit is not None and service in limit.services else None

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
