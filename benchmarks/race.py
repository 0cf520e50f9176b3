"""A turn of 17 model calls on the log, next to the same race in bare asyncio.

Turn by turn both sides decide the same turn against the same draws (A B, then B A), so that a difference is the log's
and not a vendor's or a neighbour's. The owner runs only while its side has its turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from agent_core.behaviour import Behaviour
from agent_core.ports import CompletionRequest, CompletionResult, LanguageModel
from benchmarks.emulator_process import emulator
from benchmarks.figures import paired_differences, spread
from benchmarks.loop import run_async
from benchmarks.race_bare import BareRace, Decided, NothingAcceptableError
from benchmarks.race_behaviour import CALLS_A_TURN, race_behaviour
from benchmarks.race_log import LogRace, effects
from benchmarks.race_owner_cost import measure_owner_cost
from benchmarks.race_turns import RaceTurn, bare_conversation, emulator_config, open_model, passages, turns
from benchmarks.report import SPREAD_COLUMNS, Cell, Report, Table, spread_cells
from benchmarks.temporary_log import temporary_log
from console.garbage import spare_what_is_loaded

GOAL = "goal: +3 ms p50, +15 ms p99, at most 20 ms of CPU a turn beyond bare's"
_SETTLE_S = 0.1  # losers are cancelled and written down within it: their CPU is the turn's too
_WARM_UP = 4
_SPREAD_S = 1.5  # turns at once begin apart, over about the length of one: callers don't all stop speaking together

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class _Load:
    at_once: int
    block: int  # turns that one side runs before the other has them
    blocks: int
    control_every: int = 0  # so many blocks: bare runs a second time
    tokens_per_chunk: int = 1  # of the emulated model's stream: the SDK's cost is by the chunk

    @property
    def turns(self) -> int:
        return self.block * self.blocks


_LOADS = (_Load(1, 1, 300, control_every=3), _Load(5, 25, 4), _Load(20, 60, 3), _Load(20, 60, 3, tokens_per_chunk=8))
_QUICK_LOADS = (_Load(1, 1, 6, control_every=3), _Load(5, 10, 1), _Load(20, 20, 1, tokens_per_chunk=8))


@dataclass
class _Side:
    """What one side took: ms by turn, CPU ms a turn by block."""

    decided_ms: dict[str, float] = field(default_factory=dict)
    cpu_ms: dict[int, float] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)


def run(*, quick: bool) -> Report:
    return run_async(_run(_QUICK_LOADS if quick else _LOADS, owner_turns=5 if quick else 40))


async def _run(loads: tuple[_Load, ...], owner_turns: int) -> Report:
    behaviour = race_behaviour()
    latency: list[tuple[Cell, ...]] = []
    cpu: list[tuple[Cell, ...]] = []
    failed: Counter[str] = Counter()
    same = ""
    for load in loads:
        with emulator(emulator_config(load.tokens_per_chunk)) as url, temporary_log() as workspace:
            model = _Counting(open_model(url, behaviour))
            bare = _BareSide(model, behaviour)
            make_effects = partial(effects, model, behaviour, passages(behaviour))
            log = _LogSide(LogRace(workspace, behaviour, make_effects))
            same = same or await _same_requests(model, bare, log)
            ours, theirs, again = await _compare(load, log, bare)
            await model.close()
        latency += _rows(load, ours.decided_ms, theirs.decided_ms, again.decided_ms)
        cpu += _rows(load, ours.cpu_ms, theirs.cpu_ms, again.cpu_ms)
        failed += ours.failed + theirs.failed
    with emulator(emulator_config()) as url:
        model = _Counting(open_model(url, behaviour))
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
        f"process CPU a turn, until {_SETTLE_S * 1000:.0f} ms after its decision, so that losers are cancelled and "
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
    load: _Load, ours: Mapping[K, float], theirs: Mapping[K, float], again: Mapping[K, float]
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


# --- two sides -------------------------------------------------------------------------------------------------------


class _BareSide:
    def __init__(self, model: LanguageModel, behaviour: Behaviour) -> None:
        self._race, self._behaviour = BareRace(model, behaviour), behaviour

    async def block(self, load: _Load, work: list[RaceTurn], number: int, side: _Side) -> None:
        await _measured(load, work, number, side, self._decide)

    async def _decide(self, turn: RaceTurn) -> Decided:
        return await self._race.decide(*bare_conversation(turn, self._behaviour))


class _LogSide:
    def __init__(self, race: LogRace) -> None:
        self._race = race

    async def block(self, load: _Load, work: list[RaceTurn], number: int, side: _Side) -> None:
        async with self._race.owning():
            calls = {turn.call_id: await self._race.opened(turn.call_id) for turn in work}
            await _measured(load, work, number, side, lambda turn: calls[turn.call_id].decide(turn.question))
            for call in calls.values():
                await call.close()


async def _measured(
    load: _Load,
    work: list[RaceTurn],
    number: int,
    side: _Side,
    decide: Callable[[RaceTurn], Awaitable[Decided]],
) -> None:
    """Runs a block with so many turns at once; ms by turn and CPU a turn go to ``side``."""
    waiting = list(reversed(work))

    async def one_after_another(worker: int) -> None:
        await asyncio.sleep(worker * _SPREAD_S / load.at_once)
        while waiting:
            turn = waiting.pop()
            began_s = time.perf_counter()
            try:
                decided = await decide(turn)
            except NothingAcceptableError as error:
                side.failed[str(error)] += 1
                continue
            side.decided_ms[turn.call_id] = (decided.at_s - began_s) * 1000

    cpu_s = time.process_time()
    await asyncio.gather(*(one_after_another(worker) for worker in range(load.at_once)))
    await asyncio.sleep(_SETTLE_S)
    side.cpu_ms[number] = (time.process_time() - cpu_s) * 1000 / len(work)


async def _compare(load: _Load, log: _LogSide, bare: _BareSide) -> tuple[_Side, _Side, _Side]:
    """Log, bare, and bare a second time on some of the same turns: what differs there is the machine's noise."""
    ours, theirs, again, ignored = _Side(), _Side(), _Side(), _Side()
    warm_up = turns(f"warm{load.at_once}", _WARM_UP)
    await bare.block(load, warm_up, 0, ignored)
    await log.block(load, warm_up, 0, ignored)
    spare_what_is_loaded()  # as a call does before it rings; bare has the good of it too
    every = turns(f"race{load.at_once}", load.turns)
    for number in range(load.blocks):
        work = every[number * load.block : (number + 1) * load.block]
        if number % 2:
            await bare.block(load, work, number, theirs)
            await log.block(load, work, number, ours)
        else:
            await log.block(load, work, number, ours)
            await bare.block(load, work, number, theirs)
        if load.control_every and number % load.control_every == 0:
            await bare.block(load, work, number, again)
    return ours, theirs, again


# --- the same work ---------------------------------------------------------------------------------------------------


class _Counting:
    """A model that keeps what it is asked, for one turn: both sides must ask the same."""

    def __init__(self, model: LanguageModel) -> None:
        self._model, self.name = model, model.name
        self.asked: list[CompletionRequest] | None = None

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        if self.asked is not None:
            self.asked.append(request)
        return await self._model.complete(request)

    async def close(self) -> None:
        await self._model.close()


async def _same_requests(model: _Counting, bare: _BareSide, log: _LogSide) -> str:
    asked: list[list[CompletionRequest]] = []
    for side in (bare, log):
        model.asked = []
        await side.block(_Load(1, 1, 1), turns("same", 1), 0, _Side())
        asked.append(sorted(model.asked, key=lambda request: request.label))
    model.asked = None
    if asked[0] != asked[1] or len(asked[0]) != CALLS_A_TURN:
        different = [ours.label for theirs, ours in zip(*asked, strict=False) if theirs != ours]
        raise RuntimeError(f"bare asked {len(asked[0])} times, the log {len(asked[1])}; different: {different}")
    return f"{len(asked[0])} of {len(asked[1])} equal"
