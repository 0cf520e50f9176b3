"""Brokers that are killed, paused or cut off, and a registry that goes, while twenty callers and more wait for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.metadata import MetadataRequest
from broker import ROOT, bootstrap
from checked import assert_answered_in_time, assert_never_in_dead_air, assert_sound
from playing import A_SCENARIO_S, Play, handed_on, playing
from support import run
from written import entry, step, took

from benchmarks.faults_calls import Ended
from benchmarks.faults_scenarios import leader_of, lose_a_leader, lose_the_brokers, lose_the_registry
from benchmarks.faults_stage import PARTITIONS, Stage, staged
from servers.kafka import KafkaCluster
from servers.registry import RegistryServer
from streams.kafka.brokers import Brokers
from streams.kafka.log import opened
from streams.kafka.topics import Topics

AFTER_AN_ELECTION_S = 1.5  # some 0.4 s on two idle cores, brokers and all
PARTED_S = 60.0  # some 7 s; before anybody looked, five minutes, or until the broker was back
DOWN_S = 30.0  # as long as an owner waits for an acknowledgement; every caller hears the closing line
JARS = ROOT / ".ledgerline/servers/jars"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three brokers, with replication factor 3."""
    cluster = KafkaCluster(tmp_path_factory.mktemp("brokers"), cuttable=True)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop(at_once=True)


@pytest.fixture(scope="module")
def play_on_three(
    cluster: KafkaCluster, tmp_path_factory: pytest.TempPathFactory, learnt: Path, reader: Path
) -> Iterator[Play]:
    with (
        handed_on(learnt, tmp_path_factory.mktemp("stage")) as data,
        playing(staged(cluster.bootstrap, data, workers=1, replication=3), 1, reader) as play,
    ):
        yield play


@pytest.mark.alone
def test_over_a_leader_that_is_killed_paused_or_cut_off_nobody_is_left_in_dead_air(
    cluster: KafkaCluster, play_on_three: Play
) -> None:
    async def scenario(stage: Stage) -> None:
        ways: list[tuple[Callable[[int], None], Callable[[int], None]]] = [
            (cluster.kill, cluster.start_node),
            (cluster.pause, cluster.resume),
            (cluster.cut, cluster.mend),
        ]
        await stage.ring()
        unstruck = await stage.calm()
        for lose, mend in ways:
            struck = await lose_a_leader(stage, lose, mend)
            assert_never_in_dead_air(struck.in_flight, stage)
            assert_answered_in_time(struck.meanwhile, stage, unstruck)
            assert_answered_in_time(struck.after, stage, unstruck)

    play_on_three(scenario)


@pytest.mark.alone
@pytest.mark.parametrize("way", ["paused", "cut off"])
def test_who_waits_for_a_silent_leader_is_answered_within_a_second_of_the_election(
    cluster: KafkaCluster, tmp_path: Path, way: str
) -> None:
    topics = Topics(PARTITIONS, f"{tmp_path.name}.")
    lose, mend = {"paused": (cluster.pause, cluster.resume), "cut off": (cluster.cut, cluster.mend)}[way]

    async def scenario() -> None:
        async with opened(Brokers(cluster.bootstrap), topics, replication=3) as stores:
            ledger, victim = stores.ledger, await leader_of(cluster.bootstrap, topics.log, 0)
            followed = {partition: ledger.follow(partition, 0) for partition in range(PARTITIONS)}
            for partition, following in followed.items():
                await ledger.append(partition, [entry(took(1))])
                await anext(following)
                await ledger.end(partition)
            await asyncio.to_thread(lose, victim)
            try:
                waiting = [asyncio.ensure_future(anext(following)) for following in followed.values()]
                for partition in followed:
                    waiting.append(asyncio.ensure_future(ledger.append(partition, [entry(step(1, "s", 1)[0])])))
                    waiting.append(asyncio.ensure_future(ledger.end(partition)))
                await until_another_leads(cluster, topics.log, victim)
                anew = asyncio.ensure_future(taken_by_who_asks_anew(cluster, topics, victim))
                _, late = await asyncio.wait(waiting, timeout=AFTER_AN_ELECTION_S)
                anew_s = await anew
                if late:  # by as much as this machine, and these brokers, are slow now
                    _, late = await asyncio.wait(late, timeout=anew_s)
                assert not late, f"of {len(waiting)} who ask for something, {len(late)} wait on (anew: {anew_s:.1f} s)"
                await asyncio.gather(*waiting)
            finally:
                await asyncio.to_thread(mend, victim)
            for following in followed.values():
                await following.aclose()  # type: ignore[attr-defined]

    run(scenario(), A_SCENARIO_S)


@pytest.mark.alone
def test_who_follows_a_leader_that_only_the_other_brokers_lost_hears_of_what_its_successor_takes(
    cluster: KafkaCluster, tmp_path: Path
) -> None:
    """It answers as a leader does, and has nothing to tell. Who follows appends nothing that could fail."""
    topics = Topics(PARTITIONS, f"{tmp_path.name}.")

    async def scenario() -> None:
        brokers = Brokers(cluster.bootstrap)
        async with opened(brokers, topics, replication=3) as owner, opened(brokers, topics, replication=3) as reader:
            victim = await leader_of(cluster.bootstrap, topics.log, 0)
            followed = [reader.ledger.follow(partition, 0) for partition in range(PARTITIONS)]
            for partition, following in enumerate(followed):
                await owner.ledger.append(partition, [entry(took(1))])
                await anext(following)
            await asyncio.to_thread(cluster.part, victim)
            try:
                async with asyncio.timeout(PARTED_S):
                    hearing = asyncio.gather(*(anext(following) for following in followed))
                    for partition in range(PARTITIONS):
                        await owner.ledger.append(partition, [entry(step(1, "s", 1)[0])])
                    heard = await hearing
                assert [[record.offset for record in records] for records in heard] == [[1]] * PARTITIONS
                assert [await reader.ledger.end(partition) for partition in range(PARTITIONS)] == [2] * PARTITIONS
            finally:
                await asyncio.to_thread(cluster.mend, victim)
            for following in followed:
                await following.aclose()  # type: ignore[attr-defined]

    run(scenario(), A_SCENARIO_S)


async def taken_by_who_asks_anew(cluster: KafkaCluster, topics: Topics, silent: int) -> float:
    """How long a client that begins now, and never met the silent broker, takes to have all brokers' word for a record in
    every partition."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_without(cluster, silent), acks="all") as producer:
        sent = (producer.send_and_wait(topics.inbox, b"anew", partition=number) for number in range(PARTITIONS))
        await asyncio.gather(*sent)
    return loop.time() - began_s


def bootstrap_without(cluster: KafkaCluster, number: int) -> str:
    addresses = cluster.bootstrap.split(",")
    return ",".join(address for place, address in enumerate(addresses, 1) if place != number)


async def until_another_leads(cluster: KafkaCluster, topic: str, former: int) -> None:
    """The topic's first partition, as another broker says."""
    asked = next(number for number in cluster.numbers if number != former)
    client = AIOKafkaClient(bootstrap_servers=bootstrap_without(cluster, former).split(",")[0])
    await client.bootstrap()
    try:
        while True:
            told = await client.send(asked, MetadataRequest([topic]))
            ((_, _, _, partitions),) = told.topics
            if next(leader for _, number, leader, *_ in partitions if number == 0) not in (former, -1):
                return
            await asyncio.sleep(0.02)
    finally:
        await client.close()


@pytest.mark.alone
def test_while_all_brokers_are_away_the_lines_that_were_granted_are_heard_and_then_all_goes_on(
    cluster: KafkaCluster, play_on_three: Play
) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await lose_the_brokers(stage, cluster, DOWN_S)
        assert_never_in_dead_air(struck.in_flight, stage)
        ends = {turn.ended for turn in struck.in_flight}
        assert Ended.CLOSING in ends
        assert ends <= {Ended.CLOSING, Ended.REPLY}  # a few were answered just before
        assert_answered_in_time(struck.after, stage, unstruck)

    play_on_three(scenario)


def test_a_registry_that_goes_is_missed_by_nobody_not_even_by_a_worker_that_begins_then(
    tmp_path: Path, learnt: Path
) -> None:
    async def scenario(registry: RegistryServer, data: Path) -> None:
        async with staged(str(bootstrap()), data, workers=1, registry=registry.url) as stage:
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
        with handed_on(learnt, tmp_path / "data") as data:
            run(scenario(registry, data), A_SCENARIO_S)
    finally:
        registry.stop(at_once=True)
