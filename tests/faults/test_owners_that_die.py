"""A worker that is killed or stopped while twenty callers and more wait for an answer, on a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked import assert_answered_in_time, assert_never_in_dead_air, assert_others_agree, assert_sound
from playing import Play

from benchmarks.faults_scenarios import kill_an_owner, stop_an_owner
from benchmarks.faults_stage import Stage
from streams.clock import wall_clock_us

MOST_STRIKES = 4  # it is stopped at any moment: one time in ten no append is on its way


def test_an_owner_that_wakes_up_late_speaks_nothing(play: Play, reader: Path) -> None:
    """It is stopped with appends in flight, for longer than any session; others answer; then it goes on where it was."""

    async def scenario(stage: Stage) -> None:
        for _ in range(MOST_STRIKES):
            if await had_appends_in_flight(stage, reader):
                return
        pytest.fail("no append was on its way whenever an owner was stopped")

    play(scenario)


async def had_appends_in_flight(stage: Stage, reader: Path) -> bool:
    """Stops an owner and wakes it. Returns whether something that it had decided before was appended when it woke."""
    began_us = wall_clock_us()
    await stage.staff(len(stage.workers.running))
    await stage.ring()
    unstruck = await stage.calm()
    struck = await stop_an_owner(stage, stage.workers.running[0])
    assert_answered_in_time(struck.in_flight, stage, unstruck)
    assert_answered_in_time(struck.meanwhile, stage, unstruck)
    assert_never_in_dead_air(struck.after, stage)
    history = await stage.end()
    assert_sound(history, stage)
    late_us = [at_us for at_us in history.void_us if at_us > began_us]
    assert late_us, "the woken owner appended nothing: the test showed nothing"
    others = await assert_others_agree(stage, reader)
    assert others.void == history.void
    assert struck.at_us
    return any(at_us < struck.at_us for at_us in late_us)


def test_when_an_owner_is_killed_callers_hear_a_line_and_then_one_answer(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await kill_an_owner(stage, stage.workers.running[0])
        assert_answered_in_time(struck.in_flight, stage, unstruck)
        assert_answered_in_time(struck.after, stage, unstruck)

    play(scenario)
