"""A worker that is killed or stopped while twenty callers wait for an answer, on a real broker."""

from __future__ import annotations

from pathlib import Path

from broker import bootstrap
from checked import assert_answered_in_time, assert_never_in_dead_air, assert_sound
from support import run

from benchmarks.faults_scenarios import kill_an_owner, stop_an_owner
from benchmarks.faults_stage import staged


def test_when_an_owner_is_killed_callers_hear_a_line_and_then_one_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(bootstrap(), tmp_path) as stage:
            unstruck = await stage.round()
            struck = await kill_an_owner(stage, stage.workers.running[0])
            assert_answered_in_time(struck.in_flight, stage, unstruck)
            assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end())

    run(scenario())


def test_an_owner_that_wakes_up_late_speaks_nothing(tmp_path: Path) -> None:
    """It is stopped with appends in flight, for longer than any session; others answer; then it goes on where it was."""

    async def scenario() -> None:
        async with staged(bootstrap(), tmp_path) as stage:
            unstruck = await stage.round()
            struck = await stop_an_owner(stage, stage.workers.running[0])
            assert_answered_in_time(struck.in_flight, stage, unstruck)
            assert_answered_in_time(struck.meanwhile, stage, unstruck)
            assert_never_in_dead_air(struck.after, stage)
            history = await stage.end()
            assert_sound(history)
            assert history.void > 0, "the woken owner appended nothing: the test showed nothing"

    run(scenario())
