"""Hedging: calls against tail for each strategy, and what it does to a provider that is slow for everybody.

The production deciders, effect runner and router decide turns against the emulator's draws on a virtual clock. Every
strategy has the same turns with the same draws, so that a difference is the strategy's. The frontier is drawn to
``hedging.svg`` in the working directory.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agent_core.behaviour import Behaviour
from agent_core.hedging import Hedging
from benchmarks.emulated_model import EmulatedModel
from benchmarks.figures import percentile, spread
from benchmarks.frontier_plot import Point, plot
from benchmarks.hedged_turns import HedgedTurns, TurnTaken
from benchmarks.race_behaviour import race_behaviour
from benchmarks.race_turns import emulator_config, turns
from benchmarks.report import Cell, Report, Table, spread_cells
from emulators.config import Brownout, EmulatorConfig, RateLimit, TokenLimit
from providers.extra_calls import ExtraCalls
from providers.model_router import ModelRouter
from providers.stated_limits import UNSTATED, StatedLimits
from simulation.virtual_loop import run_virtual

TURNS, QUICK_TURNS = 2000, 60
STALL_SHARE = 0.05
FRONTIER_RATE = 4.0  # turns a second
UNHEDGED_CALLS = 9  # a turn: one classification, four answers, four guardrails
LIMIT_PER_S = 90.0  # calls that a shared rate limit lets through
LIMIT_TOKENS_PER_S = 41_500.0  # as many turns: what a limit of tokens counts of one is 4,150
LOADS = (0.5, 0.9, 1.0)  # of that limit, by turns that aren't hedged
BROWNOUT = 3.0  # every time of the provider is multiplied by it
PLOT, PLOTTED_MS = Path("hedging.svg"), 2400.0
GOAL = "goal: at most 1.6 calls a candidate, with p99 of candidates at most 1.7 times that of always 3"


class Strategy(NamedTuple):
    name: str
    answer: dict[str, Any]
    rest: dict[str, Any]  # the classifier and every guardrail
    share: float = Hedging().extra_share  # of calls that may be extra

    def behaviour(self, race: Behaviour) -> Behaviour:
        hedging = {"answer": self.answer, "classify": self.rest, "guard": self.rest}
        routing = race.routing.model_dump() | {"attempts": 1, "hedging": hedging}
        return Behaviour.model_validate(race.model_dump() | {"routing": routing})


def _late(now: int, late: int, quantile: float, together: int = 1) -> dict[str, Any]:
    return {"now": now, "late": late, "quantile": quantile, "together": together}


ONE: dict[str, Any] = {"now": 1}
STRATEGIES = (
    Strategy("one attempt", ONE, ONE),
    Strategy("always 2", {"now": 2}, {"now": 2}),
    Strategy("always 3", {"now": 3}, {"now": 3}),
    Strategy("always 3, answers only", {"now": 3}, ONE),
    Strategy("after quantile 0.95", _late(1, 2, 0.95), _late(1, 2, 0.95)),
    Strategy("after quantile 0.9", _late(1, 2, 0.9), _late(1, 2, 0.9)),
    Strategy("after quantile 0.8", _late(1, 2, 0.8), _late(1, 2, 0.8)),
    Strategy("after quantile 0.6, 60 % extra", _late(1, 2, 0.6), _late(1, 2, 0.6), 0.6),
    Strategy("after quantile 0.45, 100 % extra", _late(1, 2, 0.45), _late(1, 2, 0.45), 1.0),
    Strategy("two more after 0.85, 40 % extra", _late(1, 2, 0.85, 2), _late(1, 2, 0.85, 2), 0.4),
    Strategy("two more after 0.75, 60 % extra", _late(1, 2, 0.75, 2), _late(1, 2, 0.75, 2), 0.6),
    Strategy("two more after 0.7, 70 % extra", _late(1, 2, 0.7, 2), _late(1, 2, 0.7, 2), 0.7),
    Strategy("three more after 0.8, 70 % extra", _late(1, 3, 0.8, 3), _late(1, 3, 0.8, 3), 0.7),
    Strategy("two now, third late (0.9)", _late(2, 1, 0.9), _late(2, 1, 0.9)),
)
BROWNOUT_COLUMNS = (
    "calls a turn",
    "refused",
    "answered by the model",
    "turns",
    "reply p50 ms",
    "p95 ms",
    "p99 ms",
)
BROWNED_OUT = tuple(s for s in STRATEGIES if s.name in ("one attempt", "after quantile 0.9", "always 3"))


class Known(NamedTuple):
    """A shared limit, and who knows it before the first refusal."""

    name: str
    limited: dict[str, Any]  # of the emulator's configuration
    stated: StatedLimits = UNSTATED


def _requests(*, told: bool) -> dict[str, Any]:
    return {"rate_limit": RateLimit(requests_per_s=LIMIT_PER_S, burst=round(LIMIT_PER_S), told=told)}


def _tokens(*, told: bool) -> dict[str, Any]:
    burst = round(LIMIT_TOKENS_PER_S)
    return {"token_limit": TokenLimit(tokens_per_s=LIMIT_TOKENS_PER_S, burst=burst, told=told)}


TOLD = Known("of calls, told by answers", _requests(told=True))
STATED = Known("of calls, stated", _requests(told=False), StatedLimits(requests_per_minute=LIMIT_PER_S * 60))
UNTOLD = Known("of calls, known to nobody", _requests(told=False))
TOKENS_TOLD = Known("of tokens, told by answers", _tokens(told=True))
TOKENS_STATED = Known("of tokens, stated", _tokens(told=False), StatedLimits(tokens_per_minute=LIMIT_TOKENS_PER_S * 60))
TOKENS_UNTOLD = Known("of tokens, known to nobody", _tokens(told=False))
LIMITS = (
    (UNTOLD, TOLD, STATED),
    (TOKENS_UNTOLD, TOKENS_TOLD, TOKENS_STATED),
)  # of each the first is that under which turns that aren't hedged are measured: they go by no knowledge


class Played(NamedTuple):
    turns: list[TurnTaken]
    calls: int
    refused: int
    tokens: int  # that a limit of tokens counted


def run(*, quick: bool) -> Report:
    count = QUICK_TURNS if quick else TURNS
    race = race_behaviour()
    calm, stalls = "no fault", f"{STALL_SHARE:.0%} of completions stall 10 s after two tokens"
    tables = {calm: _frontier(calm, race, count, 0.0), stalls: _frontier(stalls, race, count, STALL_SHARE)}
    plot(PLOT, [s.name for s in STRATEGIES], {title: _points(table) for title, table in tables.items()}, PLOTTED_MS)
    return Report("hedging", [*tables.values(), _brownout(race, count), _known(race, count)])


def _points(table: Table) -> list[Point]:
    calls, p99 = table.columns.index("calls a candidate"), table.columns.index("p99 ms")
    found = ((number, row[calls], row[p99]) for number, row in enumerate(table.rows, start=1))
    return [Point(number, float(x), float(y)) for number, x, y in found if x is not None and y is not None]


def play(
    strategy: Strategy,
    race: Behaviour,
    config: EmulatorConfig,
    count: int,
    rate_per_s: float,
    stated: StatedLimits = UNSTATED,
) -> Played:
    """So many turns, which begin at random with this rate. ``stated``: what the router is told beforehand."""
    return run_virtual(_play(strategy, race, config, count, rate_per_s, stated), inline_executor=True)


async def _play(
    strategy: Strategy, race: Behaviour, config: EmulatorConfig, count: int, rate_per_s: float, stated: StatedLimits
) -> Played:
    behaviour = strategy.behaviour(race)
    model = EmulatedModel("emulated", config)
    routing = behaviour.routing
    router = ModelRouter(
        {name: [model] for name in (routing.model, routing.guard_model, routing.classifier)},
        extra=ExtraCalls(strategy.share),
        stated={model.name: stated},
    )
    hedged = HedgedTurns(behaviour, router)
    begins = random.Random(config.seed)
    taken: list[asyncio.Task[TurnTaken]] = []
    for turn in turns("hedge", count):
        taken.append(asyncio.create_task(hedged.take(turn)))
        await asyncio.sleep(begins.expovariate(rate_per_s))
    return Played(await asyncio.gather(*taken), model.asked.total(), model.refused, model.tokens)


def _frontier(title: str, race: Behaviour, count: int, stall_share: float) -> Table:
    usual = emulator_config()
    config = usual.model_copy(update={"llm": usual.llm.model_copy(update={"stall_share": stall_share})})
    played = {s.name: play(s, race, config, count, FRONTIER_RATE) for s in STRATEGIES}
    best = _p99(_candidates(played["always 3"].turns))
    rows: list[tuple[Cell, ...]] = []
    for name, one in played.items():
        candidates = _candidates(one.turns)
        p99 = _p99(candidates)
        rows.append(
            (
                name,
                sum(t.attempts for t in one.turns) / sum(t.asks for t in one.turns),
                one.calls / len(one.turns),
                sum(t.cost_micros for t in one.turns) / len(one.turns),
                *spread_cells(spread(candidates)),
                p99 / best if p99 is not None and best else None,
                *spread_cells(spread([t.reply_ms for t in one.turns]))[1:],
            )
        )
    columns = (
        "strategy",
        "calls a candidate",
        "calls a turn",
        "micros a turn",
        "candidates",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "p99 by always 3",
        "reply p50 ms",
        "p95 ms",
        "p99 ms",
    )
    notes = (
        GOAL,
        "a candidate: from asking for the answer that the caller gets to its acceptance; a reply: from the caller's final "
        "words, so with classifier and guardrails; strategies are for all three, but where they say so",
        f"one provider, {FRONTIER_RATE:.0f} turns begin a second; extra calls are at most {Hedging().extra_share:.0%} "
        "of first ones, but where more is said; what losers cost is in the cost",
        f"plot: {PLOT}",
    )
    return Table(f"Calls against tail, {title}", columns, rows, notes)


def _brownout(race: Behaviour, count: int) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (f"{load:.0%} of the limit: {strategy.name}", *_browned_out(strategy, race, count, TOLD, load))
        for load in LOADS
        for strategy in BROWNED_OUT
    ]
    notes = (
        f"all of the provider is {BROWNOUT:.0f} times slower, and all callers share a limit of {LIMIT_PER_S:.0f} calls a "
        "second; a turn that isn't hedged makes nine",
        "goal: hedged is never worse than one attempt",
    )
    return Table(
        "A provider-wide brownout under a shared rate limit", ("load, strategy", *BROWNOUT_COLUMNS), rows, notes
    )


def _known(race: Behaviour, count: int) -> Table:
    unhedged, *hedged = BROWNED_OUT
    rows: list[tuple[Cell, ...]] = []
    for same in LIMITS:
        rows.append((f"{same[0].name}: {unhedged.name}", *_browned_out(unhedged, race, count, same[0], 1.0)))
        rows += [
            (f"{known.name}: {s.name}", *_browned_out(s, race, count, known, 1.0)) for known in same for s in hedged
        ]
    notes = (
        f"first calls take all of the limit: {LIMIT_PER_S:.0f} calls a second, or {LIMIT_TOKENS_PER_S:,.0f} tokens, which is "
        "what as many calls take; the rest as above",
        "goal: hedged is never worse than one attempt, where the limit is told or stated",
    )
    return Table(
        "The same at the limit, by what it counts and who knows it", ("limit, strategy", *BROWNOUT_COLUMNS), rows, notes
    )


def brownout_config(known: Known, seed: int | None = None) -> EmulatorConfig:
    """``seed`` None: the benchmark's."""
    usual = emulator_config()
    changes = {"brownouts": (Brownout(multiplier=BROWNOUT),), "seed": usual.seed if seed is None else seed}
    return usual.model_copy(update=changes | known.limited)


def _browned_out(strategy: Strategy, race: Behaviour, count: int, known: Known, load: float) -> tuple[Cell, ...]:
    """Under ``BROWNOUT_COLUMNS``."""
    rate = LIMIT_PER_S / UNHEDGED_CALLS * load
    one = play(strategy, race, brownout_config(known), count, rate, known.stated)
    return (
        one.calls / len(one.turns),
        one.refused / one.calls,
        sum(t.by_model for t in one.turns) / len(one.turns),
        *spread_cells(spread([t.reply_ms for t in one.turns])),
    )


def _candidates(taken: Sequence[TurnTaken]) -> list[float]:
    return [turn.candidate_ms for turn in taken if turn.candidate_ms is not None]


def _p99(samples: Sequence[float]) -> float | None:
    return percentile(samples, 0.99)
