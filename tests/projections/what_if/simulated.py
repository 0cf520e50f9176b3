"""Simulated calls as steps, with what a what-if needs to judge them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from agent_core.behaviour import Behaviour
from processors.cascade import Cascade
from processors.deciders import cascade
from projections.what_if.call import AnswerFor, Source, WhatIfCall, nobody
from projections.what_if.change import WhatIf, parse
from projections.what_if.rejudge import Answer
from projections.what_if.report import TurnWhatIf
from schemas.event import Event
from simulation.faults import Fault
from simulation.raw_log import read_raw
from simulation.run import play
from simulation.world import Run, Scene
from streams.codec import Codec

EVERY = frozenset(Fault)
NONE: frozenset[Fault] = frozenset()
NO_CHANGE = WhatIf(told=())


class Simulated(NamedTuple):
    run: Run
    codec: Codec
    calls: dict[str, list[tuple[Event, ...]]]

    @property
    def behaviour(self) -> Behaviour:
        return self.run.behaviour


@cache
def simulated(seed: int, faults: frozenset[Fault] = NONE) -> Simulated:
    run = play(seed, Scene(faults))
    codec = Codec(run.durable.keys)
    calls: dict[str, list[tuple[Event, ...]]] = defaultdict(list)
    for records in read_raw(run.durable).steps:
        step = tuple(codec.decode(run.durable.log[record.offset].body) for record in records)
        calls[step[0].conversation_id].append(step)
    return Simulated(run, codec, dict(calls))


def nobody_for(providers: tuple[str, ...]) -> Answer:
    """Without a model: what the log doesn't say is unknown."""
    return nobody


def judged(
    of: Simulated, what_if: WhatIf | str = NO_CHANGE, answer_for: AnswerFor = nobody_for, by: Cascade | None = None
) -> dict[str, tuple[TurnWhatIf, ...]]:
    """Each call's turns."""
    change = parse([what_if]) if isinstance(what_if, str) else what_if
    nothing: Any = None  # of the log only steps are needed
    source = Source(nothing, of.codec, of.run.durable.keys, lambda seq, content_hash: of.behaviour)
    judge = WhatIfCall(source, by or cascade(), change, answer_for)

    async def every() -> dict[str, tuple[TurnWhatIf, ...]]:
        return {call_id: await judge.turns(call_id, steps) for call_id, steps in of.calls.items()}

    return asyncio.run(every())


def turns(found: dict[str, tuple[TurnWhatIf, ...]]) -> Iterator[TurnWhatIf]:
    return (turn for each in found.values() for turn in each)


def some(*seeds: int, faults: frozenset[Fault] = NONE) -> Iterable[Simulated]:
    return (simulated(seed, faults) for seed in seeds)
