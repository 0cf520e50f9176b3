"""Hedging as behaviour: how many attempts race for what a turn waits for, and when each of them starts.

    always N               {now: N}
    after quantile q       {now: 1, late: 1, quantile: q}
    two now, third late    {now: 2, late: 1}
    one now, two when late {now: 1, late: 2, together: 2}

An ask is *late* when none of its attempts made progress for as long as that provider, model and purpose usually take: till
the first sentence that can be spoken, then from sentence to sentence. Keep-alives and tokens are no progress.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

MOST_ATTEMPTS = 5
TIMER = "late"  # purpose of the timer that looks whether an ask is late


class Purpose(StrEnum):
    """What a model is asked for. The value is what requests and events call it."""

    ANSWER = "answer"
    CLASSIFY = "classify"
    GUARD = "guard"


class Hedge(BaseModel):
    """``now`` attempts start at once, up to ``late`` more follow, ``together`` at a time: when the ask is late, or one when all
    before it came to nothing.

    ``quantile``: the ask is late once this share of such calls would have made progress. ``unknown_ms`` is waited where
    too few were seen to know, and ``at_least_ms`` in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: int = Field(default=1, ge=1, le=MOST_ATTEMPTS)
    late: int = Field(default=0, ge=0, le=MOST_ATTEMPTS - 1)
    together: int = Field(default=1, ge=1, le=MOST_ATTEMPTS - 1)
    quantile: float = Field(default=0.9, ge=0.3, lt=1)
    unknown_ms: int = Field(default=800, ge=1)
    at_least_ms: int = Field(default=50, ge=1)

    @model_validator(mode="after")
    def _in_bounds(self) -> Hedge:
        if self.most > MOST_ATTEMPTS:
            raise ValueError(f"now and late are {self.most} attempts together: at most {MOST_ATTEMPTS} race")
        if self.together > max(self.late, 1):
            raise ValueError(f"{self.together} together are more than the {self.late} that may start late")
        return self

    @model_serializer(mode="wrap")
    def _as_before_where_they_follow_one_by_one(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Behaviours that were recorded before any could start together keep their content hash."""
        written: dict[str, Any] = as_ever(self)
        return {name: value for name, value in written.items() if name != "together" or value != 1}

    @property
    def most(self) -> int:
        return self.now + self.late


@cache
def at_once(attempts: int) -> Hedge:
    """So many from the start, and none later."""
    return Hedge(now=attempts)


class Hedging(BaseModel):
    """A strategy for each purpose; none: one attempt, or as many answers at once as ``routing.attempts`` says.

    ``extra_share``: calls beyond those that start at once, as a share of the asks, over all turns of a process.
    ``burst``: how many of them may come in a row after quiet times.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: Hedge | None = None
    classify: Hedge | None = None
    guard: Hedge | None = None
    extra_share: float = Field(default=0.2, ge=0, le=4)
    burst: int = Field(default=10, ge=1)

    def of(self, purpose: Purpose) -> Hedge | None:
        strategies = {Purpose.ANSWER: self.answer, Purpose.CLASSIFY: self.classify, Purpose.GUARD: self.guard}
        return strategies[purpose]
