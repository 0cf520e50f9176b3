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
from simulation.report import MOST_TOLD, Played, Report, Tally, command_of
from simulation.run import FAULTS, play_all, simulate
from simulation.violation import Violation

SEEDS = range(1, 1001)
LEAST_TURNS = 6
OFTEN = 10_000  # times in all seeds: one in a few hundred to two thousand passes is a crash, so six or more are meant
LEAST_CELLS = 30  # of point and state: 37 were passed as often
POINTS = [f"owner:{point}" for point in OWNER_POINTS] + [f"gateway:{point}" for point in GATEWAY_POINTS]
NEEDS = {Fault.STATE_LOST: ("rolling",)}  # nobody reads the state store before somebody takes over
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def played() -> list[Played]:
    return list(play_all(SEEDS, ALL))


@pytest.fixture(scope="module")
def report(played: list[Played]) -> Report:
    tally = Tally(ALL)
    for one in played:
        tally.add(one)
    return tally.report()


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


def test_seeds_are_told_in_order_and_alike_however_many_processes_play_them(played: list[Played]) -> None:
    assert [one.seed for one in played] == list(SEEDS)
    assert list(play_all(SEEDS[:5], ALL, processes=1)) == played[:5]


def test_a_report_counts_all_and_tells_the_first() -> None:
    tally = Tally(ALL)
    for seed in range(MOST_TOLD):
        two = [Violation("one_reply", "first"), Violation("one_reply", "second")]
        crashes = [("owner:tool:before", "quiet", ("delay", "stall")), ("owner:tool:after", "over", ())]
        tally.add(Played(seed, two, crashes, {("owner:tool:before", "quiet"): 3}, ["delay", "stall"], 7 + seed))
    report = tally.report()
    assert (report.seeds, report.violations, len(report.failing)) == (MOST_TOLD, 2 * MOST_TOLD, MOST_TOLD)
    assert report.failing[-1].seed == MOST_TOLD // 2 - 1
    assert report.coverage["owner:tool:before"] == {"delay": MOST_TOLD, "stall": MOST_TOLD}
    assert report.coverage["owner:tool:after"] == {"none": MOST_TOLD}
    assert report.states["owner:tool:after"] == {"over": MOST_TOLD}
    assert report.passed == {"owner:tool:before": {"quiet": 3 * MOST_TOLD}}
    assert (report.cells, report.fewest_turns) == (3, 7)


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
