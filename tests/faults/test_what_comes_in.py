"""Facts that come twice, bytes that are no facts, and a disk that takes nothing more, while callers wait."""

from __future__ import annotations

from checked import assert_answered_in_time
from playing import Play

from benchmarks.faults_scenarios import NOISE, delivered_twice, fill_the_disk, poison
from benchmarks.faults_stage import PARTITIONS, Stage


def test_everything_that_is_delivered_twice_takes_effect_once(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        with delivered_twice(stage):
            await stage.ring()
            unstruck = await stage.calm()
            assert_answered_in_time(await stage.round(), stage, unstruck)
            await stage.hang_up()

    play(scenario)


def test_a_worker_whose_disk_is_full_goes_on_deciding(play: Play) -> None:
    """The log is elsewhere: what it keeps on its own disk only spares it reading."""

    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await fill_the_disk(stage, stage.workers.running)
        assert_answered_in_time(struck.in_flight, stage, unstruck)
        assert_answered_in_time(struck.after, stage, unstruck)

    play(scenario)


def test_bytes_that_are_no_event_stop_no_partition_and_silence_no_caller(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await poison(stage)
        assert_answered_in_time(struck.in_flight, stage, unstruck)
        assert_answered_in_time(struck.after, stage, unstruck)
        assert len(await stage.workspace.stores.dead_letters.read()) == len(NOISE) * PARTITIONS
        assert len(stage.foreign) == len(NOISE) * PARTITIONS
        await stage.ring(PARTITIONS)  # who calls from here on is answered too

    play(scenario)
