"""The hedging benchmark decides what it says that it decides."""

from __future__ import annotations

import pytest

from benchmarks.figures import percentile
from benchmarks.hedging import (
    FRONTIER_RATE,
    LIMIT_PER_S,
    STATED,
    STRATEGIES,
    TOKENS_STATED,
    TOKENS_TOLD,
    TOLD,
    UNHEDGED_CALLS,
    UNTOLD,
    Known,
    Played,
    brownout_config,
    play,
)
from benchmarks.race_behaviour import race_behaviour
from benchmarks.race_turns import emulator_config

TURNS = 6
LOADED_TURNS = 240  # 24 s at the limit: its burst is used up, and some are refused
ROUNDING_MS = 0.01  # times are whole microseconds, added up
_BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}


def played(name: str, stall_share: float = 0.0) -> Played:
    config = emulator_config()
    config = config.model_copy(update={"llm": config.llm.model_copy(update={"stall_share": stall_share})})
    return play(_BY_NAME[name], race_behaviour(), config, TURNS, FRONTIER_RATE)


@pytest.mark.parametrize(("name", "calls"), [("one attempt", 9), ("always 3", 27)])
def test_what_starts_at_once_is_what_is_called(name: str, calls: int) -> None:
    one = played(name)
    assert one.calls == calls * TURNS
    assert all(turn.by_model for turn in one.turns)


def test_every_strategy_has_the_same_turns_with_the_same_draws() -> None:
    first, again = played("one attempt"), played("one attempt")
    assert first == again
    three = played("always 3")
    for alone, raced in zip(first.turns, three.turns, strict=True):
        assert alone.candidate_ms
        assert raced.candidate_ms
        assert raced.candidate_ms <= alone.candidate_ms + ROUNDING_MS


def test_a_stalled_call_is_overtaken_by_a_late_attempt() -> None:
    slow, hedged = played("one attempt", 0.1), played("after quantile 0.9", 0.1)
    assert max(turn.reply_ms for turn in slow.turns) > 10_000
    assert max(turn.reply_ms for turn in hedged.turns) < max(turn.reply_ms for turn in slow.turns)
    assert hedged.calls > slow.calls


def browned_out(name: str, seed: int, load: float, known: Known = TOLD) -> list[float]:
    """Replies in ms of a process that begins under a shared limit of which first calls take the share ``load``."""
    rate = LIMIT_PER_S / UNHEDGED_CALLS * load
    one = play(_BY_NAME[name], race_behaviour(), brownout_config(known, seed), LOADED_TURNS, rate, known.stated)
    return [turn.reply_ms for turn in one.turns]


@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_where_first_calls_take_all_of_a_limit_hedged_is_no_worse(seed: int) -> None:
    alone, hedged = (browned_out(name, seed, 1.0) for name in ("one attempt", "after quantile 0.9"))
    assert_no_later(hedged, alone)


@pytest.mark.parametrize(
    ("known", "name", "seed"),
    [
        (STATED, "after quantile 0.9", 7),
        (STATED, "always 3", 7),
        (TOKENS_TOLD, "after quantile 0.9", 8),
        (TOKENS_STATED, "after quantile 0.9", 8),
    ],
)
def test_nor_where_the_limit_is_stated_or_counts_tokens(known: Known, name: str, seed: int) -> None:
    assert_no_later(browned_out(name, seed, 1.0, known), browned_out("one attempt", seed, 1.0, known))


def test_where_nobody_knows_a_limit_hedging_costs_what_the_page_says() -> None:
    alone, hedged = (browned_out(name, 7, 1.0, UNTOLD) for name in ("one attempt", "after quantile 0.9"))
    assert 1.0 < sum(hedged) / sum(alone) < 1.08


def assert_no_later(hedged: list[float], alone: list[float]) -> None:
    for share in (0.5, 0.95, 0.99):
        least, most = percentile(alone, share), percentile(hedged, share)
        assert least is not None
        assert most is not None
        assert most <= least + ROUNDING_MS
    assert sum(hedged) <= sum(alone) + ROUNDING_MS * LOADED_TURNS


def test_where_a_limit_has_calls_to_spare_they_are_used() -> None:
    alone, hedged = (browned_out(name, 7, 0.5) for name in ("one attempt", "after quantile 0.9"))
    assert sum(hedged) < sum(alone)
