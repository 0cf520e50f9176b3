"""What an event adds to the live aggregates. Pure, and never of a private field: no key is needed to count.

Each count belongs to a row: a provider's model, a guardrail, or a tenant, which the conversation's id names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from projections.live.histogram import bucket_of, merged
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from schemas.models import ANSWERED, ProviderCost
from schemas.tenants import tenant_of


class Kind(StrEnum):
    MODEL = "model"  # of (provider, model); either is None where the event doesn't say
    GUARDRAIL = "guardrail"  # of (guardrail, stage)
    TENANT = "tenant"  # of (tenant, None)


class RowName(NamedTuple):
    kind: Kind
    of: str | None
    part: str | None = None


class Row(msgspec.Struct):
    """A window's counts. ``through``: the offset up to which the log is counted in it, so that what is read again after
    a restart is counted once. ``ms``: histograms."""

    through: int = -1
    counts: dict[str, int] = {}
    ms: dict[str, dict[int, int]] = {}

    def add(self, counts: Mapping[str, int], ms: Mapping[str, float | None]) -> None:
        for name, count in counts.items():
            if count:
                self.counts[name] = self.counts.get(name, 0) + count
        for name, value_ms in ms.items():
            if value_ms is not None:
                histogram = self.ms.setdefault(name, {})
                bucket = bucket_of(value_ms)
                histogram[bucket] = histogram.get(bucket, 0) + 1

    def merge(self, other: Row) -> None:
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for name, theirs in other.ms.items():
            self.ms[name] = merged((self.ms.get(name, {}), theirs))


def counted(step: Iterable[Event]) -> dict[RowName, Row]:
    """What the events of one step add to each row."""
    rows: dict[RowName, Row] = {}
    for event in step:
        tenant = RowName(Kind.TENANT, tenant_of(event.conversation_id))
        for name, counts, ms in _of(event.payload, tenant):
            rows.setdefault(name, Row()).add(counts, ms)
    return rows


_Added = tuple[RowName, Mapping[str, int], Mapping[str, float | None]]


def _of(payload: Payload, tenant: RowName) -> Iterable[_Added]:
    match payload:
        case f.CompletionReturned():
            own = next((part.cost_micros for part in payload.parts if part.outcome == ANSWERED), payload.cost_micros)
            times = {"total": payload.total_ms, "first_token": payload.first_token_ms}
            yield RowName(Kind.MODEL, payload.provider, payload.model), {"answered": 1} | _cost(own), times
            yield from _failed(payload.parts)
            yield tenant, _cost(payload.cost_micros), {}
        case f.ScoresReturned():
            yield _scorer(payload.model), {"answered": 1}, {"total": payload.elapsed_ms}
            yield from _failed(payload.parts)
            yield from _known_cost(payload.cost_micros, tenant)
        case f.EffectFailed():
            yield from _failed(payload.parts or (_alone(payload),))
            yield from _known_cost(payload.cost_micros, tenant)
        case f.EffectCancelled():
            yield from _known_cost(payload.cost_micros, tenant)
        case d.VerdictIssued():
            name = RowName(Kind.GUARDRAIL, payload.guardrail, payload.stage)
            yield name, {"judged": 1, "blocked": int(not payload.passed)}, {}
        case _:
            yield from _of_call(payload, tenant)


def _alone(payload: f.EffectFailed) -> ProviderCost:
    return ProviderCost(payload.provider, payload.model, payload.reason)


def _failed(parts: Iterable[ProviderCost]) -> Iterable[_Added]:
    """Providers that came to nothing, with what is known of their cost."""
    for part in parts:
        if part.outcome != ANSWERED:
            cost = _cost(part.cost_micros) if part.cost_micros else {}
            yield RowName(Kind.MODEL, part.provider or None, part.model or None), {"failed": part.calls} | cost, {}


def _known_cost(cost_micros: int | None, tenant: RowName) -> Iterable[_Added]:
    """Of what no answer came of, or scores alone: nothing is known of most, so it is no ``unpriced`` answer."""
    if cost_micros is not None:
        yield tenant, _cost(cost_micros), {}


def _of_call(payload: Payload, tenant: RowName) -> Iterable[_Added]:
    match payload:
        case f.CallArrived():
            yield tenant, {"calls": 1}, {}
        case d.ConversationClosed():
            yield tenant, {"closed": 1}, {}
        case d.TurnEnded():
            ended = {"turns": 1, f"outcome:{payload.outcome}": 1, "interrupted": int(payload.interrupted)}
            yield tenant, ended, {}
        case f.HoldingPlayed():
            yield tenant, {"holds": 1}, {}
        case f.FallbackPlayed():
            yield tenant, {"fallbacks": 1}, {}
        case f.SpeechStarted():
            yield tenant, {}, {"reply": payload.since_speech_end_ms}


def _cost(micros: int | None) -> dict[str, int]:
    return {"unpriced": 1} if micros is None else {"priced": 1, "cost_micros": micros}


def _scorer(model: str) -> RowName:
    """A model that scored is written as provider:model; a classifier has a name alone."""
    provider, colon, name = model.partition(":")
    return RowName(Kind.MODEL, provider, name) if colon else RowName(Kind.MODEL, None, model)
