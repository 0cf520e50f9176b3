"""Brokers that are killed, paused or cut off, and a registry that goes, while twenty callers wait for an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from broker import ROOT, bootstrap
from checked import (
    A_SCENARIO_S,
    assert_answered_in_time,
    assert_never_in_dead_air,
    assert_others_agree,
    assert_sound,
)
from support import run

from benchmarks.faults_calls import Ended
from benchmarks.faults_scenarios import lose_a_leader, lose_the_brokers, lose_the_registry
from benchmarks.faults_stage import staged
from servers.kafka import KafkaCluster, KafkaServer
from servers.registry import RegistryServer

DOWN_S = 7.0  # longer than the hard mark: every caller hears the closing line
JARS = ROOT / ".ledgerline/servers/jars"


@contextmanager
def started(cluster: KafkaCluster) -> Iterator[KafkaCluster]:
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop(at_once=True)


@pytest.mark.alone
def test_while_the_broker_is_away_the_lines_that_were_granted_are_heard_and_then_all_goes_on(
    tmp_path: Path, reader: Path
) -> None:
    async def scenario(cluster: KafkaCluster) -> None:
        async with staged(cluster.bootstrap, tmp_path / "data", workers=1) as stage:
            await stage.ring()
            unstruck = await stage.calm()
            struck = await lose_the_brokers(stage, cluster, DOWN_S)
            assert_never_in_dead_air(struck.in_flight, stage)
            ends = {turn.ended for turn in struck.in_flight}
            assert Ended.CLOSING in ends
            assert ends <= {Ended.CLOSING, Ended.REPLY}  # a few were answered just before
            assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end(), stage)
            await assert_others_agree(stage, reader)

    with started(KafkaServer(tmp_path / "broker")) as cluster:
        run(scenario(cluster), A_SCENARIO_S)


@pytest.mark.alone
def test_over_a_leader_that_is_killed_paused_or_cut_off_nobody_is_left_in_dead_air(
    tmp_path: Path, reader: Path
) -> None:
    async def scenario(cluster: KafkaCluster) -> None:
        ways: list[tuple[Callable[[int], None], Callable[[int], None]]] = [
            (cluster.kill, cluster.start_node),
            (cluster.pause, cluster.resume),
            (cluster.cut, cluster.mend),
        ]
        async with staged(cluster.bootstrap, tmp_path / "data", workers=1, replication=3) as stage:
            await stage.ring()
            unstruck = await stage.calm()
            for lose, mend in ways:
                struck = await lose_a_leader(stage, lose, mend)
                assert_never_in_dead_air(struck.in_flight, stage)
                assert_answered_in_time(struck.meanwhile, stage, unstruck)
                assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end(), stage)
            await assert_others_agree(stage, reader)

    with started(KafkaCluster(tmp_path / "brokers", cuttable=True)) as cluster:
        run(scenario(cluster), A_SCENARIO_S)


def test_a_registry_that_goes_is_missed_by_nobody_not_even_by_a_worker_that_begins_then(
    tmp_path: Path, reader: Path
) -> None:
    async def scenario(registry: RegistryServer) -> None:
        async with staged(bootstrap(), tmp_path / "data", workers=1, registry=registry.url) as stage:
            await stage.ring()
            unstruck = await stage.calm()
            struck = await lose_the_registry(stage, lambda: registry.stop(at_once=True))
            assert_answered_in_time(struck.in_flight, stage, unstruck)
            assert_answered_in_time(struck.meanwhile, stage, unstruck)
            assert_answered_in_time(struck.after, stage, unstruck)
            assert_sound(await stage.end(), stage)

    registry = RegistryServer(tmp_path / "registry", jars=JARS)
    registry.start()
    try:
        run(scenario(registry), A_SCENARIO_S)
    finally:
        registry.stop(at_once=True)
