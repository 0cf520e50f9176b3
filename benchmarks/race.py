"""A turn of 17 model calls on the log, next to the same race in bare asyncio.

Turn by turn both sides decide the same turn against the same draws (A B, then B A), so that a difference is the log's
and not a vendor's or a neighbour's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from functools import partial
from typing import TypeVar

from benchmarks.emulator_process import emulator
from benchmarks.figures import paired_differences, spread
from benchmarks.loop import run_async
from benchmarks.race_bare import BareSide
from benchmarks.race_behaviour import CALLS_A_TURN, race_behaviour
from benchmarks.race_blocks import SETTLE_S, Entrant, Load, compare
from benchmarks.race_log import LogRace, LogSide, effects
from benchmarks.race_owner_cost import measure_owner_cost
from benchmarks.race_turns import emulator_config, open_model, passages, turns
from benchmarks.report import SPREAD_COLUMNS, Cell, Report, Table, spread_cells
from benchmarks.same_requests import same_requests
from benchmarks.temporary_log import temporary_log
from benchmarks.watched_model import WatchedModel

GOAL = "goal: +3 ms p50, +15 ms p99, at most 20 ms of CPU a turn beyond bare's"

K = TypeVar("K", bound=Hashable)

_LOADS = (Load(1, 1, 300, control_every=3), Load(5, 25, 4), Load(20, 60, 3), Load(20, 60, 3, tokens_per_chunk=8))
_QUICK_LOADS = (Load(1, 1, 6, control_every=3), Load(5, 10, 1), Load(20, 20, 1, tokens_per_chunk=8))


def run(*, quick: bool) -> Report:
    return run_async(_run(_QUICK_LOADS if quick else _LOADS, owner_turns=5 if quick else 40))


async def _run(loads: tuple[Load, ...], owner_turns: int) -> Report:
    behaviour = race_behaviour()
    latency: list[tuple[Cell, ...]] = []
    cpu: list[tuple[Cell, ...]] = []
    failed: Counter[str] = Counter()
    same = ""
    for load in loads:
        with emulator(emulator_config(load.tokens_per_chunk)) as url, temporary_log() as workspace:
            model = WatchedModel(open_model(url, behaviour))
            make_effects = partial(effects, model, behaviour, passages(behaviour))
            log = Entrant(LogSide(LogRace(workspace, behaviour, make_effects)))
            bare = Entrant(BareSide(model, behaviour))
            same = same or await same_requests(model, bare.side, log.side)
            again = await compare(load, model, (bare, log))
            await model.close()
        latency += _rows(load, log.taken.decided_ms, bare.taken.decided_ms, again.decided_ms)
        cpu += _rows(load, log.taken.cpu_ms, bare.taken.cpu_ms, again.cpu_ms)
        failed += log.taken.failed + bare.taken.failed
    with emulator(emulator_config()) as url:
        model = WatchedModel(open_model(url, behaviour))
        owner = await measure_owner_cost(behaviour, model, passages(behaviour), turns("owner", owner_turns))
        await model.close()
    columns = ("turns at once", *SPREAD_COLUMNS)
    notes = (
        GOAL,
        f"{CALLS_A_TURN} calls a turn; the requests of both sides were compared once: {same}",
        f"turns that a side failed to decide: {dict(failed) or 'none'}",
        "difference: log minus bare of the same turn with the same draws; bare less itself: the same turns decided by "
        "bare a second time, which is what the machine's noise makes of no difference at all",
    )
    cpu_notes = (
        f"process CPU a turn, until {SETTLE_S * 1000:.0f} ms after its decision, so that losers are cancelled and "
        "written down; with several at once: a block's CPU over its turns, n counts blocks",
        "most of it, on both sides, is the OpenAI SDK reading 17 streams token by token",
    )
    return Report(
        "race",
        [
            Table("End of turn to decision, ms", columns, latency, notes),
            Table("CPU, ms a turn", columns, cpu, cpu_notes),
            owner,
        ],
    )


def _rows(
    load: Load, ours: Mapping[K, float], theirs: Mapping[K, float], again: Mapping[K, float]
) -> list[tuple[Cell, ...]]:
    name = f"{load.at_once}" + (f", {load.tokens_per_chunk} tokens a chunk" if load.tokens_per_chunk > 1 else "")
    rows: list[tuple[Cell, ...]] = [
        (f"{name}: bare asyncio", *spread_cells(spread([*theirs.values()]))),
        (f"{name}: on the log", *spread_cells(spread([*ours.values()]))),
        (f"{name}: paired difference", *spread_cells(spread(paired_differences(ours, theirs)))),
    ]
    if again:
        rows.append((f"{name}: bare less itself", *spread_cells(spread(paired_differences(again, theirs)))))
    return rows
