"""Brokers that keep their connections and answer nothing: who waits for one goes on as soon as another is elected.

Also what tells that another version of aiokafka has other insides: ``streams/kafka/attentive_client.py`` overrides them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import aiokafka.client
import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from aiokafka.protocol.metadata import MetadataRequest

from simulation.virtual_loop import run_virtual
from streams.kafka.attentive_client import LOOK_EVERY_S, SILENT_S, AttentiveClient, attend
from streams.kafka.leaderships import Leaderships, WhoLeads
from streams.kafka.silence import SET_ASIDE_S, Address, Silence

AT = TopicPartition("log", 0)
LEADER, OTHER, THIRD = 1, 2, 3
ELECTED_AFTER_S = 9.0  # as stock brokers do
REQUEST_TIMEOUT_S = 40.0  # aiokafka's: nothing here may need it
AT_ONCE_S = LOOK_EVERY_S + 0.01  # after an election


class Brokers:
    """Three. Whom they count, who leads, who is silent, and what each was asked."""

    def __init__(self) -> None:
        self.counted, self.leader = {LEADER, OTHER, THIRD}, LEADER
        self.silent: set[int] = set()
        self.behind: set[int] = set()  # who name the first leader, whoever leads
        self.epoch = 1
        self.takes_s = 0.0
        self.asked: list[tuple[int, str]] = []

    async def connect(self, host: str, port: int, **options: Any) -> Any:
        if port in self.silent:
            await asyncio.sleep(options["request_timeout_ms"] / 1000)
            raise TimeoutError
        return Wire(self, port, options.get("on_close"), options["request_timeout_ms"] / 1000)

    async def elect(self) -> None:
        await asyncio.sleep(ELECTED_AFTER_S)
        self.counted.discard(LEADER)
        self.leader, self.epoch = OTHER, self.epoch + 1

    def metadata(self, asked: int) -> Any:
        leader, epoch = (LEADER, 1) if asked in self.behind else (self.leader, self.epoch)
        brokers = [(number, "host", number, None) for number in sorted(self.counted)]
        topics = [(0, AT.topic, False, [(0, AT.partition, leader, epoch, [], [], [])])]
        return SimpleNamespace(
            API_VERSION=7, throttle_time_ms=0, brokers=brokers, cluster_id="c", controller_id=OTHER, topics=topics
        )


class Wire:
    """A connection of aiokafka's to a broker."""

    def __init__(self, brokers: Brokers, number: int, on_close: Callable[..., None] | None, timeout_s: float) -> None:
        self._brokers, self._number, self._on_close, self._timeout_s = brokers, number, on_close, timeout_s
        self._closed = asyncio.Event()

    def connected(self) -> bool:
        return not self._closed.is_set()

    def send(self, request: Any, expect_response: bool = True) -> Coroutine[Any, Any, Any]:
        self._brokers.asked.append((self._number, type(request).__name__))
        return self._answer(request)

    async def _answer(self, request: Any) -> Any:
        try:
            takes_s = self._timeout_s if self._number in self._brokers.silent else self._brokers.takes_s
            async with asyncio.timeout(takes_s):
                await self._closed.wait()
            raise KafkaConnectionError
        except TimeoutError:
            if self._number in self._brokers.silent:
                raise
        asks_who_leads = isinstance(request, MetadataRequest | WhoLeads)
        return self._brokers.metadata(self._number) if asks_who_leads else self._number

    def close(self, reason: Any = None, exc: Any = None) -> asyncio.Future[None]:
        if self._on_close and not self._closed.is_set():
            self._on_close(self, reason)
        self._closed.set()
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        closed.set_result(None)
        return closed


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> Brokers:
    brokers = Brokers()
    monkeypatch.setattr(aiokafka.client, "create_conn", brokers.connect)
    return brokers


async def client(
    silence: Silence | None = None, *bootstrap: int, leaderships: Leaderships | None = None
) -> AttentiveClient:
    hosts = [f"host:{number}" for number in bootstrap or (LEADER, OTHER, THIRD)]
    made = AIOKafkaClient(bootstrap_servers=hosts, request_timeout_ms=round(REQUEST_TIMEOUT_S * 1000))
    attend(made, silence or Silence(), leaderships or Leaderships())
    await made.bootstrap()
    await made.set_topics([AT.topic])
    return made


async def taken_s(work: Coroutine[Any, Any, Any]) -> tuple[float, Any]:
    """How long it took, and what came of it."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    return loop.time() - began_s, outcome


def test_what_waits_for_a_silent_leader_is_given_up_as_soon_as_another_is_elected(brokers: Brokers) -> None:
    async def scenario() -> None:
        asks = await client()
        await asks.ready(LEADER)
        brokers.silent = {LEADER}
        electing = asyncio.create_task(brokers.elect())
        after_s, outcome = await taken_s(asks.send(LEADER, "append"))
        assert isinstance(outcome, KafkaConnectionError)  # which everybody tries again, asking who leads
        assert ELECTED_AFTER_S <= after_s < ELECTED_AFTER_S + AT_ONCE_S
        assert asks.cluster.leader_for_partition(AT) == OTHER
        assert await asks.send(OTHER, "append") == OTHER
        await asyncio.gather(electing, asks.close())

    run_virtual(scenario())


@pytest.mark.parametrize("group", list(ConnectionGroup))
def test_who_is_only_about_to_connect_to_it_goes_on_as_well(brokers: Brokers, group: ConnectionGroup) -> None:
    async def scenario() -> None:
        brokers.silent = {LEADER}  # from before: nobody has a connection to it
        asks = await client()
        electing = asyncio.create_task(brokers.elect())
        sending, connecting = await asyncio.gather(
            taken_s(asks.send(LEADER, "append", group=group)), taken_s(asks.ready(LEADER, group=group))
        )
        assert isinstance(sending[1], NodeNotReadyError)
        assert connecting[1] is False
        assert max(sending[0], connecting[0]) < ELECTED_AFTER_S + AT_ONCE_S
        await asyncio.gather(electing, asks.close())

    run_virtual(scenario())


def test_a_silent_broker_bars_no_way_to_another(brokers: Brokers) -> None:
    async def scenario() -> None:
        brokers.silent = {LEADER}
        asks = await client()
        waiting = asyncio.create_task(asks.ready(LEADER))
        await asyncio.sleep(0.1)
        assert await taken_s(asks.send(OTHER, "append")) == (0.0, OTHER)
        waiting.cancel()
        await asyncio.gather(waiting, asks.close(), return_exceptions=True)

    run_virtual(scenario())


def test_who_leads_and_who_coordinates_is_asked_of_brokers_that_speak(brokers: Brokers) -> None:
    async def scenario() -> None:
        silence = Silence()
        asks, other = await client(silence), await client(silence)
        brokers.silent = {LEADER, THIRD}
        for number in brokers.silent:
            silence.fell(Address("host", number))
        brokers.asked.clear()
        for each in (asks, other):
            assert (await taken_s(each.force_metadata_update()))[0] == 0.0
            assert {each.get_random_node() for _ in range(50)} == {OTHER}
        assert {number for number, _ in brokers.asked} == {OTHER}
        await asyncio.gather(asks.close(), other.close())

    run_virtual(scenario())


def test_a_broker_that_was_not_known_to_be_silent_is_not_waited_for_long(brokers: Brokers) -> None:
    async def scenario() -> None:
        asks = await client()
        brokers.silent = {LEADER, THIRD}
        for _ in range(10):
            assert (await taken_s(asks.force_metadata_update()))[0] <= 2 * SILENT_S
        beginning_s, begun = await taken_s(client())
        assert beginning_s <= 4 * SILENT_S
        await asyncio.gather(asks.close(), begun.close())

    run_virtual(scenario())


def test_a_broker_that_is_only_slow_is_waited_for(brokers: Brokers) -> None:
    async def scenario() -> None:
        asks = await client()
        brokers.takes_s = 0.9
        assert await asks.send(LEADER, "append") == LEADER
        brokers.takes_s = 5.0
        assert await asks.send(LEADER, "append") == LEADER
        brokers.takes_s = 0.0
        assert await asks.force_metadata_update()
        assert await asks.send(LEADER, "append") == LEADER
        await asks.close()

    run_virtual(scenario())


def test_a_client_that_asked_nothing_meanwhile_knows_the_new_leader_too(brokers: Brokers) -> None:
    async def scenario() -> None:
        silence = Silence()
        asks, idle = await client(silence), await client(silence)
        await idle.ready(LEADER)
        brokers.silent = {LEADER}
        electing = asyncio.create_task(brokers.elect())
        await taken_s(asks.send(LEADER, "append"))
        await asyncio.sleep(0)
        assert await idle.force_metadata_update()
        assert idle.cluster.leader_for_partition(AT) == OTHER
        assert (await taken_s(idle.ready(LEADER)))[1] is False
        await asyncio.gather(electing, asks.close(), idle.close())

    run_virtual(scenario())


def test_brokers_of_a_cluster_that_counts_none_yet_are_asked_where_it_said_so(brokers: Brokers) -> None:
    async def scenario() -> None:
        brokers.counted, brokers.leader = set(), -1
        asks = await client(None, OTHER)
        brokers.counted, brokers.leader = {OTHER}, OTHER
        assert await asks.force_metadata_update()
        assert asks.cluster.leader_for_partition(AT) == OTHER
        await asks.close()

    run_virtual(scenario())


def test_who_never_answers_is_asked_again_one_day() -> None:
    async def scenario() -> None:
        silence = Silence()
        silence.fell(Address("host", LEADER))
        assert Address("host", LEADER) in silence
        await asyncio.sleep(SET_ASIDE_S)
        assert Address("host", LEADER) not in silence

    run_virtual(scenario())


@pytest.mark.parametrize("behind", [LEADER, OTHER, THIRD])
def test_who_begins_believes_no_broker_that_has_not_heard_of_an_election(brokers: Brokers, behind: int) -> None:
    async def scenario() -> None:
        brokers.leader, brokers.epoch, brokers.behind = THIRD, 2, {behind}
        for _ in range(10):
            asks = await client()
            assert asks.cluster.leader_for_partition(AT) == THIRD
            await asks.close()

    run_virtual(scenario())


def test_who_knows_of_an_election_is_not_told_otherwise(brokers: Brokers) -> None:
    """Nor is any other client of the same connection, whomever it asks; and nobody asks all of them for that."""

    async def scenario() -> None:
        leaderships = Leaderships()
        asks = await client(leaderships=leaderships)
        brokers.leader, brokers.epoch = THIRD, 2
        await asks.force_metadata_update()
        brokers.behind, brokers.asked = {LEADER}, []
        other = await client(leaderships=leaderships)
        for _ in range(20):
            await asyncio.gather(asks.force_metadata_update(), other.force_metadata_update())
            assert {each.cluster.leader_for_partition(AT) for each in (asks, other)} == {THIRD}
        assert len([asked for asked in brokers.asked if asked[1] == WhoLeads.__name__]) < 2 * 21 * 2
        await asyncio.gather(asks.close(), other.close())

    run_virtual(scenario())


def test_where_none_answers_but_who_is_behind_that_one_is_believed(brokers: Brokers) -> None:
    """As of a topic that was made anew: all of them are behind what was known of the former one."""

    async def scenario() -> None:
        brokers.leader, brokers.epoch = THIRD, 2
        asks = await client()
        brokers.behind = {LEADER, OTHER, THIRD}
        assert await asks.force_metadata_update()
        assert asks.cluster.leader_for_partition(AT) == LEADER
        brokers.behind = {LEADER}
        assert await asks.force_metadata_update()
        assert asks.cluster.leader_for_partition(AT) == THIRD
        await asks.close()

    run_virtual(scenario())


def test_what_one_client_learns_of_an_election_all_act_on(brokers: Brokers) -> None:
    async def scenario() -> None:
        leaderships = Leaderships()
        asks, idle = [await client(leaderships=leaderships) for _ in range(2)]
        brokers.leader, brokers.epoch = THIRD, 2
        asks.look_who_leads()
        await asyncio.sleep(0.01)
        assert idle.cluster.leader_for_partition(AT) == THIRD
        await asyncio.gather(asks.close(), idle.close())

    run_virtual(scenario())


def test_of_those_who_hear_nothing_one_asks_each_second(brokers: Brokers) -> None:
    async def scenario() -> None:
        leaderships = Leaderships()
        idle = [await client(leaderships=leaderships) for _ in range(5)]
        brokers.asked.clear()
        for _ in range(100):
            for each in idle:
                each.look_who_leads()
            await asyncio.sleep(0.1)
        assert len(brokers.asked) == 10
        await asyncio.gather(*(each.close() for each in idle))

    run_virtual(scenario())


def test_who_is_told_less_than_there_has_to_be_asks_all_brokers(brokers: Brokers) -> None:
    async def scenario() -> None:
        leaderships = Leaderships()
        asks = await client(leaderships=leaderships)
        for number, leader in enumerate([THIRD, OTHER] * 10, 2):
            brokers.leader, brokers.epoch, brokers.behind = leader, number, {LEADER, OTHER, THIRD} - {leader}
            await asks.ask_all_who_leads()
            assert asks.cluster.leader_for_partition(AT) == leader
        brokers.asked.clear()
        await asks.force_metadata_update()
        assert len(brokers.asked) <= 3
        await asks.close()

    run_virtual(scenario())
