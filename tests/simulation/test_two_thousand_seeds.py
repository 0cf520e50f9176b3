"""Two thousand seeds under all faults: every invariant holds, and a process died in every cell of crash point × state of
the line × fault that can be reached."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from shared_report import shared_report

from simulation import run
from simulation.aims import Aim, aim_of
from simulation.cells import (
    NARROW,
    UNREACHABLE,
    Cell,
    gateway_targets,
    narrow_targets,
    owner_targets,
    reachable,
    told,
)
from simulation.crash_points import GATEWAY_POINTS, OWNER_POINTS
from simulation.faults import ALL, Fault
from simulation.line import LineState
from simulation.report import MOST_TOLD, Played, Report, Tally, command_of, empty_cells
from simulation.run import FAULTS, play_all, play_at, simulate
from simulation.stages import Stage
from simulation.violation import Violation

SEEDS = range(1, 2001)
LEAST_TURNS = 6
MOST_LEFT_OUT = 30  # of more than five thousand cells
AIMED = range(100_000, 100_120)
NEEDS = {Fault.STATE_LOST: ("rolling",)}  # nobody reads the state store before somebody takes over
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return shared_report(tmp_path_factory.getbasetemp().parent, "two_thousand_seeds", lambda: simulate(SEEDS))


def test_every_invariant_holds_in_every_seed(report: Report) -> None:
    told = "\n".join(f"{one.invariant}: {one.message}\n  {one.command}" for one in report.failing[:20])
    assert report.seeds == len(SEEDS)
    assert report.violations == 0, told


def test_every_seed_has_six_turns_or_more(report: Report) -> None:
    assert report.fewest_turns is not None
    assert report.fewest_turns >= LEAST_TURNS


def test_every_fault_struck(report: Report) -> None:
    assert sorted(report.struck) == sorted(FAULTS)


def test_processes_died_in_every_cell(report: Report) -> None:
    empty = empty_cells(report)
    assert len(empty) <= MOST_LEFT_OUT
    assert [told(cell) for cell in empty if not _reached(cell)] == []


def _reached(cell: Cell) -> bool:
    """Whether a process dies in this one, which all seeds left out by chance, in seeds that aim at it alone."""
    for played in play_at(cell, AIMED):
        assert not played.violations, f"seed {played.seed}, aimed at {told(cell)}: {played.violations}"
        if cell in played.cells():
            return True
    return False


def test_no_process_ever_stands_where_none_can(report: Report) -> None:
    assert report.surprises == ()


def test_each_reason_why_none_can_stand_somewhere_names_some() -> None:
    every = [(f"owner:{point}", stage.value) for point in OWNER_POINTS for stage in Stage]
    every += [(f"gateway:{point}", state.value) for point in GATEWAY_POINTS for state in LineState]
    for pairs in UNREACHABLE:
        assert pairs.why
        assert all(any(point.startswith(begin) for point, _ in every) for begin in pairs.points)
    left_out = {(point, state) for point, state in every if any(pairs.hold(point, state) for pairs in UNREACHABLE)}
    assert len(every) - len(left_out) == len(owner_targets()) + len(gateway_targets()) == len(reachable()) / len(ALL)
    for kind in NARROW:
        assert narrow_targets(kind) <= {*owner_targets(), *gateway_targets()}


@pytest.mark.parametrize(
    "aim", [aim for seed in range(1, 60) if (aim := aim_of(seed, owner_targets(), gateway_targets()))]
)
def test_what_a_seed_aims_at_is_one_state_of_the_call(aim: Aim) -> None:
    assert len(set(aim.owner)) == 2
    assert len({target.stage for target in aim.owner}) == 1
    assert aim.after <= aim.beside


@pytest.mark.parametrize("fault", sorted(ALL))
def test_each_fault_alone_breaks_nothing(fault: Fault) -> None:
    report = simulate(range(1, 13), [fault.value, *NEEDS.get(fault, ())], processes=1)
    assert report.failing == ()
    assert fault.value in report.struck


def test_a_seed_is_the_same_run_in_every_process() -> None:
    program = "from simulation.run import timeline_of; print(timeline_of(7)); print(timeline_of(10))"
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert len(told[0]) > 10_000
    assert told[0] == told[1]


def test_seeds_are_told_in_order_and_alike_however_many_processes_play_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(5, 13)
    alone = list(play_all(seeds, ALL, processes=1))
    monkeypatch.setattr(run, "_WORTH_A_PROCESS", 4)
    monkeypatch.setattr(run, "_TOGETHER", 1)
    assert [one.seed for one in alone] == list(seeds)
    assert list(play_all(seeds, ALL, processes=2)) == alone


def test_a_report_counts_all_and_tells_the_first() -> None:
    tally = Tally(ALL)
    target = owner_targets()[0]
    at = (f"owner:{target.point}", target.state.value)
    for seed in range(MOST_TOLD):
        two = [Violation("one_reply", "first"), Violation("one_reply", "second")]
        tally.add(Played(seed, two, ["delay", "stall"], [(*at, 1)], {at: 3}, 7))
    report = tally.report()
    assert (report.seeds, report.violations, len(report.failing)) == (MOST_TOLD, 2 * MOST_TOLD, MOST_TOLD)
    assert report.coverage == {at[0]: {"delay": MOST_TOLD}}
    assert report.crashes == {at[0]: {at[1]: {"delay": MOST_TOLD}}}
    assert report.passed == {at[0]: {at[1]: 3 * MOST_TOLD}}
    assert report.empty == report.cells - 1
    assert Cell(*at, "stall") in empty_cells(report)


def test_a_report_says_how_to_replay_a_seed() -> None:
    assert command_of(41, ALL) == "ledgerline simulate --seeds 1 --first-seed 41 --faults all --timeline"
    assert command_of(3, frozenset({Fault.POISON})).endswith("--first-seed 3 --faults poison --timeline")


def test_a_report_is_json() -> None:
    report = msgspec.json.decode(msgspec.json.encode(simulate([1], processes=1)))
    assert report["seeds"] == 1
    assert report["failing"] == []
    assert {"violations", "coverage"} <= report.keys()


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no fault earthquake"):
        simulate([1], ["earthquake"])
