"""Facts that come twice, bytes that are no facts, and a disk that takes nothing more, while callers wait."""

from __future__ import annotations

from pathlib import Path

from checked import assert_answered_in_time, assert_others_agree, assert_sound
from playing import Play

from benchmarks.faults_scenarios import NOISE, delivered_twice, fill_the_disk, poison
from benchmarks.faults_stage import PARTITIONS, Stage


def test_everything_that_is_delivered_twice_takes_effect_once(play: Play, reader: Path) -> None:
    async def scenario(stage: Stage) -> None:
        with delivered_twice(stage):
            await stage.ring()
            unstruck = await stage.calm()
            assert_answered_in_time(await stage.round(), stage, unstruck)
            history = await stage.end()
        assert_sound(history, stage)
        await assert_others_agree(stage, reader)

    play(scenario)


def test_a_worker_whose_disk_is_full_goes_on_deciding(play: Play, reader: Path) -> None:
    """The log is elsewhere: what it keeps on its own disk only spares it reading."""

    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await fill_the_disk(stage, stage.workers.running)
        assert_answered_in_time(struck.in_flight, stage, unstruck)
        assert_answered_in_time(struck.after, stage, unstruck)
        assert_sound(await stage.end(), stage)
        await assert_others_agree(stage, reader)

    play(scenario)


def test_bytes_that_are_no_event_stop_no_partition_and_silence_no_caller(play: Play, reader: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await poison(stage)
        assert_answered_in_time(struck.in_flight, stage, unstruck)
        assert_answered_in_time(struck.after, stage, unstruck)
        history = await stage.end()
        assert_sound(history, stage)
        assert history.dead_letters == len(NOISE) * PARTITIONS
        assert len(stage.foreign) == len(NOISE) * PARTITIONS
        await assert_others_agree(stage, reader)

    play(scenario)
