"""Runs seeds and says what held: the entry of ``ledgerline simulate`` and of the tests.

A seed's run is a function of (seed, faults): the command that a report prints for a failing seed shows the same again.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context, parent_process, resource_tracker
from threading import Thread

from simulation.aims import Aim, aim_at
from simulation.cells import Cell, gateway_targets, owner_targets
from simulation.faults import ALL, Fault, faults_named
from simulation.invariants import check
from simulation.report import Played, Report, Tally
from simulation.timeline import timeline
from simulation.violation import Violation
from simulation.virtual_loop import run_virtual
from simulation.world import Run, Scene, World

FAULTS: tuple[str, ...] = tuple(sorted(fault.value for fault in ALL))
_QUIET = ("streams", "processors", "voice_gateway")  # they log every fault, and faults are what this is about
_WORTH_A_PROCESS = 40  # seeds
_TOGETHER = 10  # seeds that a process plays before it tells of them


def simulate(
    seeds: Iterable[int], faults: Iterable[str] = FAULTS, *, processes: int | None = None, stop_at_first: bool = False
) -> Report:
    """Plays each seed and checks every invariant. All faults: each is in play in a third of the seeds; a choice of
    faults: all of it in every seed. ``processes``: None takes what the machine has. Raises ``ValueError`` for a name."""
    chosen = faults_named(",".join(faults))
    tally = Tally(chosen)
    for played in play_all(list(seeds), chosen, processes=processes):
        tally.add(played)
        if stop_at_first and played.violations:
            break
    return tally.report()


def play_all(seeds: Sequence[int], faults: frozenset[Fault], *, processes: int | None = None) -> Iterator[Played]:
    """What each seed showed, in order. Close it to stop; nothing of what it told before is lost."""
    wanted = (os.cpu_count() or 1) if processes is None else processes
    workers = max(1, min(wanted, len(seeds) // _WORTH_A_PROCESS))
    if workers == 1:
        return (_play_and_check(seed, faults) for seed in seeds)
    return _side_by_side(seeds, faults, workers)


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


def _scene(faults: frozenset[Fault]) -> Scene:
    return Scene(faults, mixed=faults == ALL)


def _side_by_side(seeds: Sequence[int], faults: frozenset[Fault], workers: int) -> Iterator[Played]:
    """A few stretches of seeds are under way at a time, however many there are in all."""
    stretches = (seeds[at : at + _TOGETHER] for at in range(0, len(seeds), _TOGETHER))
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_process)
    try:
        with _deaf_children():
            under_way = deque(pool.submit(_play_stretch, one, faults) for one in islice(stretches, 2 * workers))
        while under_way:
            played = under_way.popleft().result()
            under_way.extend(pool.submit(_play_stretch, one, faults) for one in islice(stretches, 1))
            yield from played
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """A Ctrl-C goes to all processes of a terminal. Those that are started here leave it to this one, from their first
    instruction on: who asked for the seeds stops, and they with it."""
    resource_tracker.ensure_running()  # it would set the mask as it pleases
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_process() -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()  # what was imported stays: this process does nothing else


def _end_with_parent() -> None:
    """A parent that is killed tells nobody, and nobody else would ever end this process."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _play_stretch(seeds: Sequence[int], faults: frozenset[Fault]) -> list[Played]:
    return [_play_and_check(seed, faults) for seed in seeds]


def play_at(cell: Cell, seeds: Iterable[int]) -> Iterator[Played]:
    """Seeds that aim at this cell alone, until a process has died in it."""
    kind, _, point = cell.point.partition(":")
    targets = owner_targets() if kind == "owner" else gateway_targets()
    target = next(one for one in targets if (one.point, one.state) == (point, cell.state))
    aim = aim_at(kind, target, Fault(cell.fault))
    for seed in seeds:
        played = _play_and_check(seed, ALL, aim)
        yield played
        if cell in played.cells():
            return


def _play_and_check(seed: int, faults: frozenset[Fault], aim: Aim | None = None) -> Played:
    with _collecting_at_its_end():
        return _shown_by(seed, _scene(faults)._replace(aim=aim))


def _shown_by(seed: int, scene: Scene) -> Played:
    try:
        run = play(seed, scene)
        violations = check(run)
    except Exception as error:  # whatever stops a run is this seed's failure, not the end of the report
        return Played(seed, [Violation("no_process_fails", f"{type(error).__name__}: {error}")], [], [], {}, 0)
    return Played(
        seed=seed,
        violations=violations,
        struck=[fault.value for fault in run.faults.happened],
        crashes=[(crash.point, crash.state, crash.struck) for crash in run.crashes],
        passed=run.passed,
        turns=sum(record.body.type == "TurnOpened" for record in run.durable.log),
    )


@contextlib.contextmanager
def _collecting_at_its_end() -> Iterator[None]:
    """What a run makes lives till its end, most of it: looking for cycles in it before was a quarter of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)  # all that is new since the last one, and nothing of it is alive
        if was_enabled:
            gc.enable()


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
