"""Where the log side's CPU goes within a turn, by a stopwatch around each of its synchronous parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel, Passage
from benchmarks.race_log import LogRace, effects
from benchmarks.race_turns import RaceTurn
from benchmarks.report import Table
from benchmarks.temporary_log import temporary_log
from console.workspace import SqliteWorkspace
from processors.effects import EffectRunner

_SETTLE_S = 0.1
_DECIDE, _ENCODE, _COMMIT = "deciders and fold (a step)", "seal, hash, encode (an event)", "SQLite commit"
_DECODE, _RECONCILE = "decode (inbox, and the call's tail)", "start and cancel effects"
_PARTS = (_DECIDE, _ENCODE, _COMMIT, _DECODE, _RECONCILE)


class Stopwatch:
    """CPU seconds and calls by part, counted while ``running``. Parts don't nest, and none of them awaits."""

    def __init__(self) -> None:
        self.running = False
        self.seconds = dict.fromkeys(_PARTS, 0.0)
        self.calls = dict.fromkeys(_PARTS, 0)

    def attach(self, owner: object, method: str, part: str) -> None:
        setattr(owner, method, self._around(getattr(owner, method), part))

    def _around(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            if not self.running:
                return call(*arguments)
            began = time.thread_time()
            try:
                return call(*arguments)
            finally:
                self.seconds[part] += time.thread_time() - began
                self.calls[part] += 1

        return timed


async def measure_owner_cost(
    behaviour: Behaviour, model: LanguageModel, passages: list[Passage], work: list[RaceTurn]
) -> Table:
    """Turns of their own, one at a time: the stopwatch's own cost stays out of the other figures."""
    watch = Stopwatch()
    with temporary_log() as workspace:
        race = LogRace(workspace, behaviour, lambda: _watched(watch, effects(model, behaviour, passages)))
        watch.attach(race.mind, "step", _DECIDE)
        watch.attach(workspace.codec, "encode", _ENCODE)
        watch.attach(workspace.codec, "decode", _DECODE)
        watch.attach(workspace.ledger, "_commit", _COMMIT)
        for turn in work:
            async with race.owning():
                call = await race.opened(turn.call_id)
                watch.running = True
                await call.decide(turn.question)
                await asyncio.sleep(_SETTLE_S)
                watch.running = False
                await call.close()
        events, size = _turn_size(workspace)
    turns = len(work)
    rows: list[tuple[str | float | int | None, ...]] = [
        (
            part,
            round(watch.calls[part] / turns, 1),
            watch.seconds[part] * 1e6 / watch.calls[part] if watch.calls[part] else None,
            watch.seconds[part] * 1000 / turns,
        )
        for part in _PARTS
    ]
    rows.append(("all of them", None, None, sum(watch.seconds.values()) * 1000 / turns))
    notes = (f"{turns} turns one at a time; a call with such a turn leaves {events:.0f} events of {size:.0f} bytes",)
    return Table(
        "Where the owner's CPU goes in a turn", ("part", "calls a turn", "us a call", "ms a turn"), rows, notes
    )


def _watched(watch: Stopwatch, runner: EffectRunner) -> EffectRunner:
    watch.attach(runner, "reconcile", _RECONCILE)
    return runner


def _turn_size(workspace: SqliteWorkspace) -> tuple[float, float]:
    """Events of one call, and bytes of one event, on average."""
    row = workspace.store.db.execute(
        "select count(*) * 1.0 / count(distinct conversation_id), avg(length(data)) from log where conversation_id <> ''"
    ).fetchone()
    return row[0], row[1]
