"""The live aggregates as they are read: rows of all partitions and windows of a stretch of time, added up. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from projections.live.counted import Kind, Row, RowName
from projections.live.histogram import Quantiles, quantiles

WINDOW_S = 60
KEPT_S = 3600
MOST_MINUTES = KEPT_S // 60
_OUTCOME = "outcome:"


class RowAt(NamedTuple):
    """A row of one partition and one window. ``start_s``, ``end_s``: since the epoch, on the owners' clock."""

    partition: int
    name: RowName
    start_s: float
    end_s: float
    row: Row


class ModelFigures(msgspec.Struct, frozen=True):
    """``provider`` null: events don't say whose it is. ``model`` null: failures that no one model is to blame for.
    ``error_rate``: of what came to an end, cancelled losers left out.
    ``cost_micros`` null: no price is known; ``unpriced``: answers whose price isn't."""

    provider: str | None
    model: str | None
    answered: int
    failed: int
    error_rate: float | None
    total_ms: Quantiles
    first_token_ms: Quantiles
    cost_micros: int | None
    unpriced: int


class ProviderFigures(msgspec.Struct, frozen=True):
    """All models of a provider. ``error_rate``: of what came to an end, cancelled losers left out."""

    provider: str | None
    answered: int
    failed: int
    error_rate: float | None
    total_ms: Quantiles


class GuardrailFigures(msgspec.Struct, frozen=True):
    guardrail: str
    stage: str
    judged: int
    blocked: int
    block_rate: float | None


class TenantFigures(msgspec.Struct, frozen=True):
    """``calls``: that arrived; ``closed``: that ended; ``turns``: that ended, by ``outcomes``. ``reply_ms``: from the end
    of speech to the first sound of a reply. ``cost_micros`` as of models, with what cancelled losers are known to cost."""

    tenant: str
    calls: int
    closed: int
    turns: int
    outcomes: dict[str, int]
    interrupted: int
    holds: int
    fallbacks: int
    reply_ms: Quantiles
    cost_micros: int | None
    unpriced: int


class LiveFigures(msgspec.Struct, frozen=True):
    """Of the windows that touch [``since``, ``until``), on the owners' clock. ``partitions``: those that are in it."""

    since: datetime
    until: datetime
    partitions: list[int]
    models: list[ModelFigures]
    providers: list[ProviderFigures]
    guardrails: list[GuardrailFigures]
    tenants: list[TenantFigures]


def live_figures(rows: Iterable[RowAt], partitions: Iterable[int], since_s: float, until_s: float) -> LiveFigures:
    total: dict[RowName, Row] = {}
    for at in rows:
        if at.end_s > since_s and at.start_s < until_s:
            total.setdefault(at.name, Row()).merge(at.row)
    named = sorted(total.items(), key=lambda item: tuple(part or "" for part in item[0]))
    return LiveFigures(
        since=datetime.fromtimestamp(since_s, UTC),
        until=datetime.fromtimestamp(until_s, UTC),
        partitions=sorted(partitions),
        models=[_model(name, row) for name, row in named if name.kind is Kind.MODEL],
        providers=_providers({name: row for name, row in named if name.kind is Kind.MODEL}),
        guardrails=[_guardrail(name, row) for name, row in named if name.kind is Kind.GUARDRAIL],
        tenants=[_tenant(name, row) for name, row in named if name.kind is Kind.TENANT],
    )


def _model(name: RowName, row: Row) -> ModelFigures:
    answered, failed = _count(row, "answered"), _count(row, "failed")
    return ModelFigures(
        provider=name.of,
        model=name.part,
        answered=answered,
        failed=failed,
        error_rate=_share(failed, answered + failed),
        total_ms=_quantiles(row, "total"),
        first_token_ms=_quantiles(row, "first_token"),
        cost_micros=_cost(row),
        unpriced=_count(row, "unpriced"),
    )


def _providers(models: dict[RowName, Row]) -> list[ProviderFigures]:
    total: dict[str | None, Row] = {}
    for name, row in models.items():
        total.setdefault(name.of, Row()).merge(row)
    return [
        ProviderFigures(
            provider=provider,
            answered=_count(row, "answered"),
            failed=_count(row, "failed"),
            error_rate=_share(_count(row, "failed"), _count(row, "failed") + _count(row, "answered")),
            total_ms=_quantiles(row, "total"),
        )
        for provider, row in total.items()
    ]


def _guardrail(name: RowName, row: Row) -> GuardrailFigures:
    judged, blocked = _count(row, "judged"), _count(row, "blocked")
    return GuardrailFigures(name.of or "", name.part or "", judged, blocked, _share(blocked, judged))


def _tenant(name: RowName, row: Row) -> TenantFigures:
    return TenantFigures(
        tenant=name.of or "",
        calls=_count(row, "calls"),
        closed=_count(row, "closed"),
        turns=_count(row, "turns"),
        outcomes={
            key.removeprefix(_OUTCOME): count for key, count in sorted(row.counts.items()) if key.startswith(_OUTCOME)
        },
        interrupted=_count(row, "interrupted"),
        holds=_count(row, "holds"),
        fallbacks=_count(row, "fallbacks"),
        reply_ms=_quantiles(row, "reply"),
        cost_micros=_cost(row),
        unpriced=_count(row, "unpriced"),
    )


def _count(row: Row, name: str) -> int:
    return row.counts.get(name, 0)


def _quantiles(row: Row, name: str) -> Quantiles:
    return quantiles(row.ms.get(name, {}))


def _cost(row: Row) -> int | None:
    return row.counts.get("cost_micros", 0) if _count(row, "priced") else None


def _share(of: int, all_of_them: int) -> float | None:
    return of / all_of_them if all_of_them else None
