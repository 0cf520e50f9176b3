"""Brokers that are killed, paused or cut off while twenty callers wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from checked import assert_answered_in_time, assert_never_in_dead_air, assert_sound
from support import run

from benchmarks.faults_scenarios import lose_a_leader, lose_the_brokers
from benchmarks.faults_stage import staged
from servers.kafka import KafkaCluster, KafkaServer

DOWN_S = 7.0  # longer than the hard mark: every caller hears the closing line


@contextmanager
def started(cluster: KafkaCluster) -> Iterator[KafkaCluster]:
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop(at_once=True)


def test_while_the_broker_is_away_the_lines_that_were_granted_are_heard_and_then_all_goes_on(tmp_path: Path) -> None:
    async def scenario(cluster: KafkaCluster) -> None:
        async with staged(cluster.bootstrap, tmp_path / "data") as stage:
            unstruck = await stage.round()
            struck = await lose_the_brokers(stage, cluster, DOWN_S)
            assert_never_in_dead_air(struck.in_flight, stage)
            assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end())

    with started(KafkaServer(tmp_path / "broker")) as cluster:
        run(scenario(cluster))


def test_over_a_leader_that_is_killed_paused_or_cut_off_nobody_is_left_in_dead_air(tmp_path: Path) -> None:
    async def scenario(cluster: KafkaCluster) -> None:
        number = cluster.numbers[0]
        ways: list[tuple[Callable[[int], None], Callable[[int], None]]] = [
            (cluster.kill, cluster.start_node),
            (cluster.pause, cluster.resume),
            (cluster.cut, cluster.mend),
        ]
        async with staged(cluster.bootstrap, tmp_path / "data", workers=1, replication=3) as stage:
            unstruck = await stage.round()
            for lose, mend in ways:
                struck = await lose_a_leader(stage, lambda lose=lose: lose(number), lambda mend=mend: mend(number))
                assert_never_in_dead_air(struck.in_flight, stage)
                assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end())

    with started(KafkaCluster(tmp_path / "brokers", cuttable=True)) as cluster:
        asyncio.run(asyncio.wait_for(scenario(cluster), 150.0))
