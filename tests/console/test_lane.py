"""A worker of a lane beside a living log: it decides the same calls on its own topics, and production is only read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import Popen
from threading import Timer
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from broker import bootstrap, topics_for
from recorded_calls import bank, record_call
from support import DataDirectory, eventually, run

from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Event
from streams.kafka.behaviours import KafkaBehaviours
from streams.kafka.log import opened
from streams.kafka.topics import Topics, create_topics
from streams.transfer import stretch
from tests.calls.commands import PATIENCE_S, failed, finished, forget_settings, ledgerline, start

OTHER_CODE = (
    "import processors.deciders as d; d.DECIDERS = tuple(each for each in d.DECIDERS if each.name != 'silence')"
)


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_settings(monkeypatch, tmp_path)


class Beside(NamedTuple):
    """A call that was decided in production and, while it was, in the lanes ``x`` (the same code) and ``y`` (another).

    ``before``: how many records production's topics held when the lanes were there and no call was; ``after``: when the
    lanes had taken the whole call; ``at_last``: when they were gone."""

    production: Topics
    data: DataDirectory
    facts: list[str]
    before: dict[str, int]
    after: dict[str, int]
    at_last: dict[str, int]

    @property
    def arguments(self) -> tuple[object, ...]:
        return ("--log", f"kafka://{bootstrap()}/{self.production.prefix[:-1]}?partitions=1", "--data", self.data.path)

    def lane_log(self, name: str) -> str:
        return f"kafka://{bootstrap()}/lane-{name}--{self.production.prefix[:-1]}?partitions=1"


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    data = DataDirectory(tmp_path_factory.mktemp("production"))
    topics = topics_for(data.path, 1)
    run(create_topics(bootstrap(), topics))
    _record_behaviour(topics)
    workers = [_lane_worker(data, topics, "x", ""), _lane_worker(data, topics, "y", OTHER_CODE)]
    try:
        for worker in workers:
            assert _said(worker)["partitions"] == [0]
        before = run(counts(topics))
        events = run(_record(data, topics))
        after = run(counts(topics))
    finally:
        for worker in workers:
            worker.terminate()
        ran = [finished(worker) for worker in workers]
    assert [each.code for each in ran] == [0, 0], ran
    facts = [event.event_id for event in events if event.kind is Kind.FACT]
    yield Beside(topics, data, facts, before, after, run(counts(topics)))
    data.close()
    run(_remove_lanes(topics))


async def _record(data: DataDirectory, production: Topics) -> list[Event]:
    """A call, until both lanes have taken its last fact."""
    async with opened(bootstrap(), production) as stores:
        data.inbox, data.ledger, data.stores = stores.inbox, stores.ledger, stores  # type: ignore[assignment]
        events = await record_call(data)
        for name in ("x", "y"):
            await eventually(partial(_holds, _of_lane(production, name), events[-1].causation_id))
        return events


def _record_behaviour(topics: Topics) -> None:
    behaviours = KafkaBehaviours(bootstrap(), topics)
    behaviours.record(bank().content_hash, bank().canonical())
    behaviours.close()


def _lane_worker(data: DataDirectory, production: Topics, name: str, prelude: str) -> Popen[str]:
    log = f"kafka://{bootstrap()}/{production.prefix[:-1]}?partitions=1"
    arguments = ("worker", "--lane", name, "--log", log, "--data", data.path, "--json")
    return start(*arguments, folder=data.path, prelude=prelude)


def _said(worker: Popen[str]) -> Any:
    """The JSON that it prints when it is ready."""
    assert worker.stdout is not None
    text, patience = "", Timer(PATIENCE_S, worker.kill)
    patience.start()
    while not text.endswith("}\n"):
        line = worker.stdout.readline()
        assert line, worker.communicate()
        text += line
    patience.cancel()
    return json.loads(text)


def _of_lane(production: Topics, name: str) -> Topics:
    return production._replace(prefix=f"lane-{name}--{production.prefix}")


async def _holds(topics: Topics, event_id: str) -> bool:
    return event_id.encode() in b"".join(await values(topics.log))


async def values(topic: str) -> list[bytes]:
    """Of every record of a topic's first partition."""
    consumer, partition = AIOKafkaConsumer(bootstrap_servers=str(bootstrap())), TopicPartition(topic, 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        found: list[bytes] = []
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [record.value or b"" for record in records]
        return found
    finally:
        await consumer.stop()


async def counts(topics: Topics) -> dict[str, int]:
    """How many records each topic of a log ever took."""
    consumer = AIOKafkaConsumer(bootstrap_servers=str(bootstrap()))
    await consumer.start()
    try:
        partitions = [
            TopicPartition(name, number) for name, (count, _) in topics.configured().items() for number in range(count)
        ]
        return {at.topic: end for at, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()


async def _remove_lanes(production: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
    await admin.start()
    try:
        lanes = [name for name in await admin.list_topics() if name.startswith("lane-") and production.prefix in name]
        await admin.delete_topics(lanes)
    finally:
        await admin.close()


def test_a_lane_of_the_same_code_decides_a_living_call_alike(beside: Beside) -> None:
    ran = ledgerline("replay", "--lane", "x", *beside.arguments, "--json")
    assert (ran.code, ran.json["identical"], ran.json["differences"]) == (0, True, [])
    assert (ran.json["conversations"], ran.json["steps"]) == (1, len(beside.facts))
    assert ran.json["decisions"] > 80
    assert (ran.json["only_production"], ran.json["only_lane"]) == (0, 0)


def test_the_first_decision_of_other_code_that_differs_is_shown(beside: Beside) -> None:
    ran = ledgerline("replay", "--lane", "y", *beside.arguments)
    assert ran.code == 1
    assert "1 conversations differ\ncall-1, from seq " in ran.out
    assert "only production decides it\n  in production: TimerSet" in ran.out
    assert "in the lane: nothing" in ran.out
    assert ledgerline("replay", "call-1", "--lane", "y", *beside.arguments).code == 1


def test_nothing_of_a_lane_reaches_productions_topics(beside: Beside) -> None:
    """Its own call apart, production's topics hold what they held; and of the call nothing twice."""
    topics = beside.production
    assert beside.at_last == beside.after
    changed = {name for name, count in beside.after.items() if count != beside.before[name]}
    assert changed <= {topics.inbox, topics.log, topics.state, topics.snapshot}
    assert beside.after[topics.workers] == beside.after[topics.dead_letters] == 0
    assert beside.after[topics.behaviour] == 1

    async def read() -> tuple[list[str], list[bytes]]:
        async with opened(bootstrap(), topics) as stores:
            end = await stores.ledger.end(0)
            records = [record async for record in stretch(stores.ledger, 0, 0, end)]
        events = [beside.data.codec.decode(record.body) for record in records]
        owners = [event.payload.owner_id for event in events if isinstance(event.payload, OwnerTook)]
        return owners, await values(topics.inbox)

    owners, inbox = run(read())
    assert owners == ["test"]
    for fact in beside.facts:
        assert sum(fact.encode() in value for value in inbox) <= 1


def test_every_command_reads_a_lane_by_its_address(beside: Beside) -> None:
    where = ("--log", beside.lane_log("x"), "--data", beside.data.path)
    verified = ledgerline("verify", *where, "--json")
    assert (verified.code, verified.json["problems"]) == (0, [])
    assert ledgerline("replay", "last", *where, "--json").json["identical"] is True
    assert "agent" in ledgerline("show", "last", *where).out.lower()


def test_a_lane_that_cannot_be_is_a_usage_error(beside: Beside, tmp_path: Path) -> None:
    on_kafka = ("--log", f"kafka://{bootstrap()}", "--data", tmp_path)
    failed(ledgerline("worker", "--lane", "pr_1", *on_kafka), 2, "'pr_1' can't name a lane")
    failed(ledgerline("worker", "--lane", "a" * 60, *on_kafka), 2, "40 at most")
    failed(ledgerline("worker", "--lane", "a", "--facts", "some", *on_kafka), 2, "--facts is live or own")
    failed(ledgerline("worker", "--lane", "a", "--effects", "some", *on_kafka), 2, "--effects is off, simulated, on")
    failed(ledgerline("worker", "--effects", "off", *on_kafka), 2, "name it with --lane")
    failed(ledgerline("replay", "--lane", "a", "--log", "sqlite", "--data", tmp_path), 2, "beside a log on Kafka")
    failed(ledgerline("replay", "--lane", "z", *beside.arguments), 2, "ledgerline worker --lane")
