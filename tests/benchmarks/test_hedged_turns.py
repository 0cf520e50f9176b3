"""The hedging benchmark decides what it says that it decides."""

from __future__ import annotations

import pytest

from benchmarks.figures import percentile
from benchmarks.hedging import BROWNOUT, FRONTIER_RATE, LIMIT_PER_S, STRATEGIES, UNHEDGED_CALLS, Played, play
from benchmarks.race_behaviour import race_behaviour
from benchmarks.race_turns import emulator_config
from emulators.config import Brownout, RateLimit

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


def browned_out(name: str, seed: int, load: float) -> list[float]:
    """Replies in ms of a process that begins under a shared limit of which first calls take the share ``load``."""
    config = emulator_config().model_copy(
        update={
            "seed": seed,
            "brownouts": (Brownout(multiplier=BROWNOUT),),
            "rate_limit": RateLimit(requests_per_s=LIMIT_PER_S, burst=round(LIMIT_PER_S)),
        }
    )
    one = play(_BY_NAME[name], race_behaviour(), config, LOADED_TURNS, LIMIT_PER_S / UNHEDGED_CALLS * load)
    return [turn.reply_ms for turn in one.turns]


@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_where_first_calls_take_all_of_a_limit_hedged_is_no_worse(seed: int) -> None:
    alone, hedged = (browned_out(name, seed, 1.0) for name in ("one attempt", "after quantile 0.9"))
    for share in (0.5, 0.95, 0.99):
        least, most = percentile(alone, share), percentile(hedged, share)
        assert least is not None
        assert most is not None
        assert most <= least + ROUNDING_MS
    assert sum(hedged) <= sum(alone) + ROUNDING_MS * LOADED_TURNS


def test_where_a_limit_has_calls_to_spare_they_are_used() -> None:
    alone, hedged = (browned_out(name, 7, 0.5) for name in ("one attempt", "after quantile 0.9"))
    assert sum(hedged) < sum(alone)
