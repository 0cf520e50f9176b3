"""How sides are measured next to each other: block by block, the same turns with the same draws, in changing order.

So a difference is the side's, and not a vendor's, a neighbour's or a warming machine's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cpu_time import cpu_s
from benchmarks.race_side import Side
from benchmarks.race_turns import RaceTurn, turns
from benchmarks.watched_model import WatchedModel
from console.garbage import spare_what_is_loaded

SETTLE_S = 0.1  # what is written down behind a decision is written within it: its CPU is the turn's too
_WARM_UP = 4
_SPREAD_S = 1.5  # turns at once begin apart, over about the length of one: callers don't all stop speaking together


@dataclass(frozen=True)
class Load:
    at_once: int
    block: int  # turns that one side runs before another has them
    blocks: int
    control_every: int = 0  # so many blocks: the first side runs a second time
    tokens_per_chunk: int = 1  # of the emulated model's stream: the SDK's cost is by the chunk
    pace: float = 1.0  # what the emulated model's times are multiplied by

    @property
    def turns(self) -> int:
        return self.block * self.blocks


@dataclass
class Taken:
    """What one side took: ms by turn, CPU ms a turn by block."""

    decided_ms: dict[str, float] = field(default_factory=dict)
    cpu_ms: dict[int, float] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)


@dataclass
class Entrant:
    """``every``: it has only each so many-th block, where a slow side would take the day."""

    side: Side
    every: int = 1
    taken: Taken = field(default_factory=Taken)


async def compare(load: Load, model: WatchedModel, entrants: Sequence[Entrant]) -> Taken:
    """Fills in what each entrant took; the first is what the others are compared with. Hands back what the first took
    for turns that it decided a second time."""
    again = Taken()
    for entrant in entrants:
        await run_block(
            load, model, entrant.side, turns(f"warm{load.at_once}", max(_WARM_UP, load.at_once)), 0, Taken()
        )
    spare_what_is_loaded()  # as a call does before it rings
    every = turns(f"race{load.at_once}", load.turns)
    for number in range(load.blocks):
        work = every[number * load.block : (number + 1) * load.block]
        present = [entrant for entrant in entrants if number % entrant.every == 0]
        if present == [entrants[0]]:  # nobody to compare it with
            continue
        first = (number + 1) % len(present)
        for entrant in present[first:] + present[:first]:
            await run_block(load, model, entrant.side, work, number, entrant.taken)
        if load.control_every and number % load.control_every == 0:
            await run_block(load, model, entrants[0].side, work, number, again)
    return again


async def run_block(
    load: Load, model: WatchedModel, side: Side, work: Sequence[RaceTurn], number: int, taken: Taken
) -> None:
    """Runs a block with so many turns at once; ms by turn and CPU a turn go to ``taken``."""
    waiting = list(reversed(work))

    async def one_after_another(worker: int) -> None:
        await asyncio.sleep(worker * _SPREAD_S * load.pace / load.at_once)
        while waiting:
            turn = waiting.pop()
            began_s = time.perf_counter()
            try:
                decided = await side.decide(turn)
            except side.failures as error:
                taken.failed[f"{side.name}: {type(error).__name__}: {error}"] += 1
                continue
            taken.decided_ms[turn.call_id] = (decided.at_s - (decided.began_s or began_s)) * 1000
            if load.at_once == 1:  # nobody's next words come while the losers of their last turn are put away
                await _settled(model)

    await side.open(work)
    before_s = cpu_s(side.servers())
    await asyncio.gather(*(one_after_another(worker) for worker in range(load.at_once)))
    await _settled(model)
    taken.cpu_ms[number] = (cpu_s(side.servers()) - before_s) * 1000 / len(work)
    await side.close(work)


async def _settled(model: WatchedModel) -> None:
    await model.idle()
    await asyncio.sleep(SETTLE_S)
