"""Facts that come twice, bytes that are no facts, and a disk that takes nothing more, while callers wait."""

from __future__ import annotations

from pathlib import Path

from broker import bootstrap
from checked import assert_answered_in_time, assert_sound
from support import run

from benchmarks.faults_scenarios import NOISE, fill_the_disk, poison
from benchmarks.faults_stage import PARTITIONS, staged


def test_everything_that_is_delivered_twice_takes_effect_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(bootstrap(), tmp_path, workers=1, puts=2) as stage:
            unstruck = await stage.round()
            assert_answered_in_time(await stage.round(), stage, unstruck)
            assert_sound(await stage.end())

    run(scenario())


def test_bytes_that_are_no_event_stop_no_partition_and_silence_no_caller(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(bootstrap(), tmp_path, workers=1) as stage:
            unstruck = await stage.round()
            struck = await poison(stage)
            assert_answered_in_time(struck.in_flight, stage, unstruck)
            assert_answered_in_time(struck.after, stage, unstruck)
            history = await stage.end()
            assert_sound(history)
            assert history.dead_letters == len(NOISE) * PARTITIONS

    run(scenario())


def test_a_worker_whose_disk_is_full_goes_on_deciding(tmp_path: Path) -> None:
    """The log is elsewhere: what it keeps on its own disk only spares it reading."""

    async def scenario() -> None:
        async with staged(bootstrap(), tmp_path) as stage:
            unstruck = await stage.round()
            struck = await fill_the_disk(stage, stage.workers.running)
            assert_answered_in_time(struck.in_flight, stage, unstruck)
            assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end())

    run(scenario())
