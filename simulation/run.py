"""Runs seeds and says what held: the entry of ``ledgerline simulate`` and of the tests.

A seed's run is a function of (seed, faults): the command that a report prints for a failing seed shows the same again.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from simulation.faults import ALL, Fault, faults_named
from simulation.invariants import check
from simulation.timeline import timeline
from simulation.violation import Violation
from simulation.virtual_loop import run_virtual
from simulation.world import Run, Scene, World

FAULTS: tuple[str, ...] = tuple(sorted(fault.value for fault in ALL))
_QUIET = ("streams", "processors", "voice_gateway")  # they log every fault, and faults are what this is about
_WORTH_A_PROCESS = 40  # seeds
GC_THRESHOLD = 400_000  # new objects between two looks for cycles


class Failing(msgspec.Struct, frozen=True):
    """``command`` replays the seed with its timeline."""

    seed: int
    invariant: str
    message: str
    command: str


class Report(msgspec.Struct, frozen=True):
    """``coverage``: crash point → fault that had struck by then → crashes; ``none`` where the crash was the first fault.

    ``states``: crash point → state of the line → crashes; ``passed``: how often a process stood there that might have died.
    ``cells``: of crash point × fault × state, how many saw a crash. ``struck``: fault → seeds in which it happened. ``fewest_turns``: of any seed.
    """

    seeds: int
    violations: int
    failing: tuple[Failing, ...]
    coverage: dict[str, dict[str, int]]
    struck: dict[str, int]
    states: dict[str, dict[str, int]]
    passed: dict[str, dict[str, int]]
    cells: int
    fewest_turns: int | None


class _Seed(msgspec.Struct):
    seed: int
    violations: list[Violation]
    cells: list[tuple[str, str, str]]  # crash point, fault that had struck, state of the line
    crashed: list[tuple[str, str]]
    passed: dict[tuple[str, str], int]
    struck: list[str]
    turns: int


def simulate(
    seeds: Iterable[int], faults: Iterable[str] = FAULTS, *, processes: int | None = None, stop_at_first: bool = False
) -> Report:
    """Plays each seed and checks every invariant. All faults: each is in play in a third of the seeds; a choice of
    faults: all of it in every seed. ``processes``: None takes what the machine has. Raises ``ValueError`` for a name."""
    chosen = faults_named(",".join(faults))
    numbers = list(seeds)
    wanted = (os.cpu_count() or 1) if processes is None else processes
    workers = max(1, min(wanted, len(numbers) // _WORTH_A_PROCESS))
    played: list[_Seed] = []
    if workers == 1:
        for seed in numbers:
            played.append(_play_and_check(seed, chosen))
            if stop_at_first and played[-1].violations:
                break
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            parts = [numbers[index::workers] for index in range(workers)]
            for part in pool.map(_play_all, parts, [sorted(chosen)] * workers):
                played += part
    return _report(sorted(played, key=lambda seed: seed.seed), chosen)


def play(seed: int, scene: Scene) -> Run:
    """One seed, to its end; the invariants are not looked at."""

    async def main() -> Run:
        return await World(seed, scene).play()

    with _quiet():
        return run_virtual(main(), inline_executor=True)


def timeline_of(seed: int, faults: Iterable[str] = FAULTS) -> str:
    """What happened in one seed, in order of time, violations last."""
    run = play(seed, _scene(faults_named(",".join(faults))))
    return timeline(run, check(run))


def command_of(seed: int, faults: frozenset[Fault]) -> str:
    names = "all" if faults == ALL else ",".join(sorted(faults)) or "none"
    return f"ledgerline simulate --seeds 1 --first-seed {seed} --faults {names} --timeline"


def _scene(faults: frozenset[Fault]) -> Scene:
    return Scene(faults, mixed=faults == ALL)


def _play_all(seeds: Sequence[int], faults: Sequence[str]) -> list[_Seed]:
    chosen = faults_named(",".join(faults))
    gc.freeze()  # what was imported stays: this process does nothing else
    return [_play_and_check(seed, chosen) for seed in seeds]


def _play_and_check(seed: int, faults: frozenset[Fault]) -> _Seed:
    try:
        with _collecting_rarely():
            run = play(seed, _scene(faults))
            violations = check(run)
    except Exception as error:  # whatever stops a run is this seed's failure, not the end of the report
        return _Seed(seed, [Violation("no_process_fails", f"{type(error).__name__}: {error}")], [], [], {}, [], 0)
    cells = [(crash.point, beside, crash.state) for crash in run.crashes for beside in crash.beside or ("none",)]
    crashed = [(crash.point, crash.state) for crash in run.crashes]
    turns = sum(record.body.type == "TurnOpened" for record in run.durable.log)
    struck = sorted(fault.value for fault in run.faults.happened)
    return _Seed(seed, violations, cells, crashed, dict(run.passed), struck, turns)


def _report(played: list[_Seed], faults: frozenset[Fault]) -> Report:
    coverage: dict[str, dict[str, int]] = {}
    struck: Counter[str] = Counter()
    crashed: Counter[tuple[str, str]] = Counter()
    passed: Counter[tuple[str, str]] = Counter()
    for one in played:
        struck.update(one.struck)
        for point, beside, _ in one.cells:
            of_point = coverage.setdefault(point, {})
            of_point[beside] = of_point.get(beside, 0) + 1
        crashed.update(one.crashed)
        passed.update(one.passed)
    failing = tuple(
        Failing(one.seed, violation.invariant, violation.message, command_of(one.seed, faults))
        for one in played
        for violation in one.violations
    )
    return Report(
        seeds=len(played),
        violations=len(failing),
        failing=failing,
        coverage={point: dict(sorted(found.items())) for point, found in sorted(coverage.items())},
        struck=dict(sorted(struck.items())),
        states=_by_point(crashed),
        passed=_by_point(passed),
        cells=len({cell for one in played for cell in one.cells}),
        fewest_turns=min((one.turns for one in played), default=None),
    )


def _by_point(counted: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (point, state), count in sorted(counted.items()):
        found.setdefault(point, {})[state] = count
    return found


@contextlib.contextmanager
def _collecting_rarely() -> Iterator[None]:
    """What a run makes lives till its end, most of it: looking for cycles in it was a fifth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
