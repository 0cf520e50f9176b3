"""The hedging benchmark decides what it says that it decides."""

from __future__ import annotations

import pytest

from benchmarks.hedging import FRONTIER_RATE, STRATEGIES, Played, play
from benchmarks.race_behaviour import race_behaviour
from benchmarks.race_turns import emulator_config

TURNS = 6
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
