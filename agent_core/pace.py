"""The port by which the agent learns how fast models lately were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ModelPace:
    """Of the provider that would be asked first, at the quantile that was wanted. Unknown is None; ``samples`` are those
    of ``first_ms``: to the first sentence that can be spoken, or to the whole. ``gap_ms``: from one sentence to the next."""

    provider: str
    samples: int
    first_ms: float | None = None
    gap_ms: float | None = None
    cost_micros: int | None = None  # of the usual call


@runtime_checkable
class Paced(Protocol):
    def pace(self, model: str, purpose: str, quantile: float | None) -> ModelPace | None:
        """``model``: a routed name. None where nobody serves it."""
        ...
