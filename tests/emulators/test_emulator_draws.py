"""What is drawn depends on what is asked, never on when."""

from __future__ import annotations

import random
import statistics

import pytest

from emulators.config import EmulatorConfig
from emulators.draws import LABEL_HEADER, Draw, draw_for
from emulators.faults import FaultCounter, RateLimited, Service, StallAfterTokens


def test_a_draw_is_a_function_of_seed_label_kind_and_attempt() -> None:
    base = Draw(seed=1, label="call/turn-3", kind="answer", attempt=0)
    same = Draw(seed=1, label="call/turn-3", kind="answer", attempt=0)
    others = [
        Draw(2, "call/turn-3", "answer", 0),
        Draw(1, "call/turn-4", "answer", 0),
        Draw(1, "call/turn-3", "guard", 0),
        Draw(1, "call/turn-3", "answer", 1),
    ]
    assert base.uniform("first token") == same.uniform("first token")
    assert len({base.uniform("first token"), *(other.uniform("first token") for other in others)}) == 5
    assert base.uniform("first token") != base.uniform("stall")


def test_parts_of_a_label_do_not_run_into_each_other() -> None:
    assert Draw(1, "a", "b|0", 0).digest("x") != Draw(1, "a|b", "0", 0).digest("x")


def test_the_lognormal_has_the_median_and_the_95th_percentile_asked_for() -> None:
    values = sorted(Draw(7, f"turn {n}", "answer", 0).lognormal("x", median=300, p95=900) for n in range(4000))
    assert statistics.median(values) == pytest.approx(300, rel=0.05)
    assert values[int(0.95 * len(values))] == pytest.approx(900, rel=0.1)


def test_the_same_requests_are_struck_in_every_order_of_arrival() -> None:
    faults = EmulatorConfig.model_validate(
        {"faults": [{"fault": "stall_after_tokens", "share": 0.3}, {"fault": "rate_limited", "share": 0.2}]}
    ).faults
    draws = [
        Draw(3, f"turn {n}", kind, attempt) for n in range(50) for kind in ("answer", "guard") for attempt in (0, 1)
    ]

    def struck(order: list[Draw]) -> dict[Draw, list[str]]:
        counter = FaultCounter(faults)
        return {d: [f.fault for f in counter.strike(Service.LLM, d, "m").faults] for d in order}

    shuffled = random.Random(5).sample(draws, len(draws))
    first = struck(draws)
    assert first == struck(shuffled)
    share = sum("stall_after_tokens" in hit for hit in first.values()) / len(draws)
    assert 0.2 < share < 0.4


def test_filters_pick_by_label_kind_attempt_model_and_service() -> None:
    def hits(fault: object, draw: Draw, service: Service = Service.LLM, model: str = "small") -> bool:
        config = EmulatorConfig.model_validate({"faults": [fault]})
        return bool(FaultCounter(config.faults).strike(service, draw, model).faults)

    draw = Draw(0, "call-7/turn-2", "guard", 1)
    assert hits({"fault": "rate_limited", "label": "turn-2", "prompt_kind": "^guard", "attempts": [1]}, draw)
    assert not hits({"fault": "rate_limited", "label": "turn-3"}, draw)
    assert not hits({"fault": "rate_limited", "prompt_kind": "answer"}, draw)
    assert not hits({"fault": "rate_limited", "attempts": [0]}, draw)
    assert not hits({"fault": "rate_limited", "model": "large"}, draw)
    assert not hits({"fault": "rate_limited"}, draw, service=Service.TTS)
    assert hits({"fault": "rate_limited", "service": "tts"}, draw, service=Service.TTS)


def test_times_counts_arrivals_and_then_recovers() -> None:
    counter = FaultCounter([RateLimited(times=2), StallAfterTokens(times=1)])
    seen = [[f.fault for f in counter.strike(Service.LLM, Draw(0, "t", "k", 0), "m").faults] for _ in range(3)]
    assert seen == [["rate_limited", "stall_after_tokens"], ["rate_limited"], []]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("call-1/turn-2|answer|3", ("call-1/turn-2", "answer", 3)),
        ("a|b|guard leaks|0", ("a|b", "guard leaks", 0)),
        ("just a label", ("just a label", "chat", 0)),
        ("label|kind|soon", ("label|kind|soon", "chat", 0)),
    ],
)
def test_the_label_header_names_the_draw(header: str, expected: tuple[str, str, int]) -> None:
    draw = draw_for(0, {LABEL_HEADER: header}, fallback="body", kind="chat")
    assert (draw.label, draw.kind, draw.attempt) == expected


def test_without_a_header_what_is_asked_names_the_draw() -> None:
    one, same, other = (draw_for(0, {}, fallback=body, kind="chat") for body in ("a", "a", "b"))
    assert one == same
    assert one != other
