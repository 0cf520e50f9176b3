"""A thousand seeds under all faults: every invariant holds, and every crash point was reached beside every fault and in
every state of the line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from simulation.crash_points import GATEWAY_POINTS, OWNER_POINTS
from simulation.faults import ALL, Fault
from simulation.run import FAULTS, Report, command_of, simulate

SEEDS = range(1, 1001)
LEAST_TURNS = 6
OFTEN = 10_000  # times in all seeds: one in a few hundred to two thousand passes is a crash, so six or more are meant
LEAST_CELLS = 30  # of point and state: 37 were passed as often
POINTS = [f"owner:{point}" for point in OWNER_POINTS] + [f"gateway:{point}" for point in GATEWAY_POINTS]
NEEDS = {Fault.STATE_LOST: ("rolling",)}  # nobody reads the state store before somebody takes over
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report() -> Report:
    return simulate(SEEDS)


def test_every_invariant_holds_in_every_seed(report: Report) -> None:
    told = "\n".join(f"{one.invariant}: {one.message}\n  {one.command}" for one in report.failing[:20])
    assert report.seeds == len(SEEDS)
    assert report.violations == 0, told


def test_every_seed_has_six_turns_or_more(report: Report) -> None:
    assert report.fewest_turns is not None
    assert report.fewest_turns >= LEAST_TURNS


def test_every_fault_struck(report: Report) -> None:
    assert sorted(report.struck) == sorted(FAULTS)


def test_processes_died_at_every_point_beside_every_fault(report: Report) -> None:
    missed = [(p, fault) for p in POINTS for fault in FAULTS if fault not in report.coverage.get(p, {})]
    assert missed == []


def test_processes_died_in_every_state_in_which_they_often_stand_somewhere(report: Report) -> None:
    often = [(point, state) for point in POINTS for state, n in report.passed.get(point, {}).items() if n >= OFTEN]
    assert len(often) > LEAST_CELLS
    assert [cell for cell in often if cell[1] not in report.states.get(cell[0], {})] == []


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


def test_a_report_says_how_to_replay_a_seed() -> None:
    assert command_of(41, ALL) == "ledgerline simulate --seeds 1 --first-seed 41 --faults all --timeline"
    assert command_of(3, frozenset({Fault.POISON})).endswith("--first-seed 3 --faults poison --timeline")


def test_a_report_is_json() -> None:
    report = msgspec.json.decode(msgspec.json.encode(simulate([1], processes=1)))
    assert report["seeds"] == 1
    assert report["failing"] == []


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no fault earthquake"):
        simulate([1], ["earthquake"])
