"""How fast models were, and who was paid for what: parts of facts, and one fact.

Part of the facts; a module of its own for its size.
"""

from __future__ import annotations

import msgspec

from schemas.base import Fact

ANSWERED = "answered"
"""``ProviderCost.outcome`` of the one whose answer counts."""


class ProviderCost(msgspec.Struct, frozen=True):
    """What one provider took of an attempt in which several were asked. The parts of an attempt add up to its cost; unknown is
    null. ``outcome``: answered, cancelled, or a ``FailureReason``. ``calls``: how often it was asked and came to the same.
    ``estimated``: as of ``EffectCancelled``. Who turned the call away costs nothing."""

    provider: str
    model: str
    outcome: str
    calls: int = 1
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int | None = None
    estimated: bool = False


class Pace(msgspec.Struct, frozen=True):
    """What the newest calls of a purpose to a routed name took, at its first provider. Unknown is null.

    ``first_ms``: to the first sentence that can be spoken, or to the whole where nothing is spoken; ``gap_ms``: from one
    sentence to the next; both at the quantile that was wanted. ``cost_micros``: of the usual call.
    """

    purpose: str
    model: str
    provider: str
    samples: int
    first_ms: float | None = None
    gap_ms: float | None = None
    cost_micros: int | None = None


class PaceKnown(Fact, frozen=True, kw_only=True):
    """How fast models lately were, from what this process, or the log's live figures, saw."""

    ask_id: str
    attempt: int = 0
    paces: tuple[Pace, ...]
