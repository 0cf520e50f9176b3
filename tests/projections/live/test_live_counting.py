"""What is counted, and what is not: void records, half steps and damage add nothing, and unknown stays unknown."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace
from written import CODEC, entry, step, took

from projections.live.counted import Row, RowName, counted
from projections.live.histogram import Quantiles
from projections.live.partition import CountedPartition
from projections.live.report import GuardrailFigures, LiveFigures, ProviderFigures, RowAt, TenantFigures, live_figures
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from schemas.models import ProviderCost
from streams.codec import Body
from streams.fact_writer import fact_event
from streams.ports import LogRecord

MINUTE_S = 60.0


def row(*payloads: Payload) -> dict[RowName, Row]:
    return counted([fact_event("c1", payload) for payload in payloads])  # type: ignore[arg-type]  # decisions too


def figures(*payloads: Payload) -> LiveFigures:
    rows = [RowAt(0, name, 0.0, MINUTE_S, each) for name, each in row(*payloads).items()]
    return live_figures(rows, [0], 0.0, MINUTE_S)


def completed(*, cost_micros: int | None = None, total_ms: float | None = None, model: str = "m") -> Payload:
    return f.CompletionReturned(
        ask_id="a", attempt=0, text="t", provider="p", model=model, cost_micros=cost_micros, total_ms=total_ms
    )


def verdict(*, passed: bool) -> Payload:
    return d.VerdictIssued(
        guardrail="grounding", guardrail_version="1", stage="output", candidate_id="c", speculation=1, passed=passed,
        required=True, reasons=(), evidence=(),
    )  # fmt: skip


# --- figures ---------------------------------------------------------------------------------------------------------


def test_a_provider_fails_as_often_as_its_attempts_that_came_to_an_end_did() -> None:
    failed = f.EffectFailed(ask_id="a", attempt=0, reason="timed_out", provider="p", model="other")
    cancelled = f.EffectCancelled(ask_id="a", attempt=1)
    found = figures(completed(), completed(model="other"), completed(), failed, cancelled)
    assert found.providers == [ProviderFigures("p", answered=3, failed=1, error_rate=0.25, total_ms=Quantiles())]
    assert [(m.model, m.answered, m.failed, m.error_rate) for m in found.models] == [
        ("m", 2, 0, 0.0),
        ("other", 1, 1, 0.5),
    ]


def test_a_failure_that_names_nobody_is_nobodys() -> None:
    found = figures(f.EffectFailed(ask_id="a", attempt=0, reason="timed_out"))
    assert [(p.provider, p.failed) for p in found.providers] == [(None, 1)]


def test_scores_belong_to_the_model_that_gave_them() -> None:
    by_model = f.ScoresReturned(ask_id="a", scores=(), model="p:vendor/model:8b", elapsed_ms=10.0)
    by_classifier = f.ScoresReturned(ask_id="a", scores=(), model="prompt_injection@1")
    found = figures(by_model, by_classifier)
    assert [(m.provider, m.model, m.total_ms.n) for m in found.models] == [
        (None, "prompt_injection@1", 0),
        ("p", "vendor/model:8b", 1),
    ]


def test_a_guardrail_blocks_as_often_as_its_verdicts_say() -> None:
    found = figures(verdict(passed=True), verdict(passed=False), verdict(passed=True), verdict(passed=True))
    assert found.guardrails == [GuardrailFigures("grounding", "output", judged=4, blocked=1, block_rate=0.25)]


def test_a_cost_is_unknown_until_a_price_is_known() -> None:
    unknown, part, nothing = (
        figures(completed()),
        figures(completed(), completed(cost_micros=40)),
        figures(completed(cost_micros=0)),
    )
    assert [(t.cost_micros, t.unpriced) for t in unknown.tenants] == [(None, 1)]
    assert [(t.cost_micros, t.unpriced) for t in part.tenants] == [(40, 1)]
    assert [(m.cost_micros, m.unpriced) for m in part.models] == [(40, 1)]
    assert [(t.cost_micros, t.unpriced) for t in nothing.tenants] == [(0, 0)]


def test_losers_cost_what_is_known_of_them() -> None:
    found = figures(f.EffectCancelled(ask_id="a", attempt=1, cost_micros=7), f.EffectCancelled(ask_id="b", attempt=1))
    assert [(t.cost_micros, t.unpriced) for t in found.tenants] == [(7, 0)]


def test_each_provider_of_an_attempt_has_its_own_failures_and_its_own_cost() -> None:
    parts = (
        ProviderCost("a", "n", "rate_limited", calls=2, cost_micros=0),
        ProviderCost("b", "n", "unavailable", cost_micros=5),
        ProviderCost("p", "m", "answered", cost_micros=40),
    )
    found = figures(replace(completed(cost_micros=45), parts=parts))
    assert [(m.provider, m.answered, m.failed, m.cost_micros) for m in found.models] == [
        ("a", 0, 2, None),
        ("b", 0, 1, 5),
        ("p", 1, 0, 40),
    ]
    assert [t.cost_micros for t in found.tenants] == [45]


def test_an_attempt_that_came_to_nothing_failed_at_each_provider_that_was_asked() -> None:
    parts = (ProviderCost("a", "n", "unavailable"), ProviderCost("b", "n", "timed_out", cost_micros=5))
    failed = f.EffectFailed(ask_id="a", attempt=0, reason="timed_out", provider="b", model="n", parts=parts)
    assert [(p.provider, p.failed) for p in figures(failed).providers] == [("a", 1), ("b", 1)]


def test_a_tenants_calls_turns_and_holds() -> None:
    found = figures(
        f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="h"),
        d.TurnEnded(outcome="reply", interrupted=True),
        d.TurnEnded(outcome="reply"),
        d.TurnEnded(outcome="fallback"),
        f.HoldingPlayed(phrase_id="h", mark_ms=800, since_speech_end_ms=800.0),
        f.FallbackPlayed(phrase_id="c", since_speech_end_ms=6_000.0),
        f.SpeechStarted(candidate_id="c", take=1, since_speech_end_ms=500.0),
        f.SpeechStarted(candidate_id="greeting", take=1),
        d.ConversationClosed(reason="caller_hung_up"),
        f.KeyPressed(key="1"),
    )
    (tenant,) = found.tenants
    assert tenant.reply_ms.n == 1
    assert tenant == TenantFigures(
        tenant="default", calls=1, closed=1, turns=3, outcomes={"fallback": 1, "reply": 2}, interrupted=1, holds=1,
        fallbacks=1, reply_ms=tenant.reply_ms, cost_micros=None, unpriced=0,
    )  # fmt: skip


def test_windows_and_partitions_of_the_stretch_add_up_and_others_are_left_out() -> None:
    ((name, one),) = row(f.ScoresReturned(ask_id="a", scores=(), model="p:m", elapsed_ms=10.0)).items()
    at = [RowAt(p, name, start_s, start_s + MINUTE_S, one) for p in (0, 1) for start_s in (0.0, 60.0, 120.0, 180.0)]
    (model,) = live_figures(at, (0, 1), 90.0, 180.0).models
    assert (model.answered, model.total_ms.n) == (4, 4)


def test_nothing_counted_is_no_figure() -> None:
    found = live_figures([], [], 0.0, MINUTE_S)
    assert (found.models, found.providers, found.guardrails, found.tenants) == ([], [], [], [])


# --- what counts of a partition --------------------------------------------------------------------------------------


def records(events: Iterable[Event]) -> list[LogRecord]:
    return [LogRecord(0, offset, e.conversation_id, entry(e).body) for offset, e in enumerate(events)]


def delivered(partition: CountedPartition, of: Iterable[LogRecord]) -> list[str]:
    return [event.event_id for record in of for event in partition.take(record)]


def test_void_records_and_half_steps_add_nothing() -> None:
    log = [
        took(1), *step(1, "a", 2), *step(1, "half", 3)[:2], took(2), *step(1, "zombie", 2), took(1), *step(2, "b", 1),
    ]  # fmt: skip
    partition = CountedPartition(CODEC)
    assert delivered(partition, records(log)) == ["a", "a.1", "b"]
    assert (partition.next, partition.epoch) == (len(log), 2)


def test_it_begins_at_any_place_between_two_steps() -> None:
    log = records([took(1), *step(1, "a", 2), took(2), *step(2, "b", 2), *step(1, "zombie", 1), *step(2, "c", 1)])
    first = CountedPartition(CODEC)
    places = [(0, 0)]
    for record in log:
        first.take(record)
        if first.is_between_steps:
            places.append((first.next, first.epoch))
    assert places == [(0, 0), (1, 1), (3, 1), (4, 2), (6, 2), (7, 2), (8, 2)]
    for offset, epoch in places:
        assert delivered(CountedPartition(CODEC, offset, epoch), log[offset:]) == [
            event for at, event in ((2, "a"), (2, "a.1"), (5, "b"), (5, "b.1"), (7, "c")) if at >= offset
        ]


def test_an_imported_record_counts_by_itself() -> None:
    of_another_log = LogRecord(0, 1, "c1", entry(step(7, "a", 3)[1]).body, imported_under=1)
    assert delivered(CountedPartition(CODEC), [*records([took(1)]), of_another_log]) == ["a.1"]


@pytest.mark.parametrize("damage", [Body("", 0, b"no event"), Body("KeyPressed", 1, b"\x02")])
def test_what_cannot_be_read_takes_its_own_step_with_it_and_no_other(damage: Body) -> None:
    log = records([took(1), *step(1, "a", 3), *step(1, "b", 2)])
    log[2] = log[2]._replace(body=damage)
    assert delivered(CountedPartition(CODEC), log) == ["b", "b.1"]


def test_a_step_that_lacks_records_adds_nothing() -> None:
    whole = [took(1), *step(1, "a", 3), *step(1, "b", 2)]
    assert delivered(CountedPartition(CODEC), records(whole[:2] + whole[3:])) == ["b", "b.1"]


def test_each_tenant_has_its_own_figures_by_the_ids_of_its_calls() -> None:
    calls = ("bank-a~call-1", "bank-b~call-1", "bank-a~call-2", "call-3", "Not A Tenant~call-4")
    rows = counted(
        [fact_event(call, f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="h")) for call in calls]
    )
    found = live_figures([RowAt(0, name, 0.0, MINUTE_S, each) for name, each in rows.items()], [0], 0.0, MINUTE_S)
    assert {tenant.tenant: tenant.calls for tenant in found.tenants} == {"bank-a": 2, "bank-b": 1, "default": 2}
