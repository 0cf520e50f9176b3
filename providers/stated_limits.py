"""What whoever runs this process says that a provider allows it."""

from __future__ import annotations

from dataclasses import dataclass

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class StatedLimits:
    """None: not said. Where several processes share a key, each may take its share."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    @property
    def requests_per_s(self) -> float | None:
        return None if self.requests_per_minute is None else self.requests_per_minute / _MINUTE_S

    @property
    def tokens_per_s(self) -> float | None:
        return None if self.tokens_per_minute is None else self.tokens_per_minute / _MINUTE_S


UNSTATED = StatedLimits()
