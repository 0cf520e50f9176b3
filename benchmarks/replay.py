"""Decisions recomputed over recorded turns: replay, and every turn judged anew under another behaviour, a second."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from agent_core.behaviour import Behaviour
from benchmarks.projected_log import took
from benchmarks.race_behaviour import race_behaviour
from benchmarks.recorded_calls import QUESTIONS, Recorder
from benchmarks.report import Report, Table
from console.judges import open_replays, open_what_if
from console.settings import Settings
from console.workspace import SqliteWorkspace
from processors.deciders import cascade
from processors.mind import AgentMind
from projections.many_calls import OpenJudge, judge_all
from projections.what_if.change import parse
from streams.ports import Entry

_TURNS, _QUICK_TURNS = 10_000, 40
_FORBIDDEN = "guardrail=forbid:working days"


def run(*, quick: bool) -> Report:
    turns = _QUICK_TURNS if quick else _TURNS
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as directory:
        data = Path(directory)
        calls = asyncio.run(record_calls(data, turns // len(QUESTIONS)))
        settings = Settings(data=data)
        what_if = parse([_FORBIDDEN])
        ways: list[tuple[str, OpenJudge[Any], Callable[[Any], int]]] = [
            ("every decision recomputed and compared", partial(open_replays, settings), lambda found: found.decisions),
            ("judged anew with a word forbidden", partial(open_what_if, settings, what_if, True), lambda found: 0),
        ]
        rows = [
            (f"{name}, {processes} {'process' if processes == 1 else 'processes'}", *measured)
            for name, open_judge, decisions in ways
            for processes in dict.fromkeys((1, os.cpu_count() or 1))
            for measured in (asyncio.run(_measured(open_judge, calls, processes, decisions)),)
        ]
    notes = (
        f"{len(calls)} recorded calls of {len(QUESTIONS)} turns, each with 1 classification, 4 answers in 3 attempts and 4 "
        "model guardrails; read from the SQLite log and opened with each call's key",
        "processes are started within the time that is measured",
    )
    columns = ("way", "turns/s", "decisions/s", "turns", "s")
    return Report("replay", [Table("Decisions recomputed over recorded turns", columns, rows, notes)])


async def _measured(
    open_judge: OpenJudge[Any], calls: list[str], processes: int, decisions_of: Callable[[Any], int]
) -> tuple[float, float | None, int, float]:
    began_s = time.perf_counter()
    decisions = 0
    async with aclosing(judge_all(open_judge, calls, None, processes)) as found:
        async for one in found:
            decisions += decisions_of(one)
    took_s = time.perf_counter() - began_s
    turns = len(calls) * len(QUESTIONS)
    return turns / took_s, decisions / took_s if decisions else None, turns, took_s


async def record_calls(data: Path, calls: int, *, behaviour: Behaviour | None = None, first: int = 0) -> list[str]:
    """Whole calls on the log of a data directory, one after the other, as one owner would write them. Their ids.
    ``behaviour``: the race's where none is given. ``first``: number of the first call."""
    workspace = SqliteWorkspace(data)
    try:
        behaviour = behaviour or race_behaviour()
        seq = workspace.record(behaviour)
        recorder = Recorder(
            AgentMind(cascade(), workspace.behaviour_of, workspace.keys), workspace.codec, behaviour, seq
        )
        await workspace.ledger.append(0, [took(workspace)])
        ids = [f"call-{number:06}" for number in range(first, first + calls)]
        for call_id in ids:
            await workspace.ledger.append(0, [Entry(call_id, body) for body, _ in recorder.call(call_id)])
        return ids
    finally:
        workspace.close()
