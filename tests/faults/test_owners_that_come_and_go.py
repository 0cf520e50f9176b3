"""Two owners that join and leave ten times while 200 facts a second come in; workers that do while twenty callers ask."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from broker import bootstrap, topics_for
from checked import assert_answered_in_time
from playing import A_SCENARIO_S, Play
from support import DataDirectory, NoEffects, TallyMind, run

from benchmarks.faults_reader import Account, read_by_others
from benchmarks.faults_scenarios import come_and_go
from benchmarks.faults_stage import Stage
from schemas.base import Kind
from schemas.facts import KeyPressed
from streams.effective import EffectiveReader
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.kafka import KafkaHost
from streams.kafka.log import opened
from streams.kafka.topics import Topics
from streams.owner import Stores

PARTITIONS = 8
CONVERSATIONS = 40
FACTS_A_SECOND = 200
LEAST_FACTS = 1_000  # come in meanwhile, however long this machine takes over them
CHANGES = 10  # of each of the two owners
STAYS_S = 0.8  # each of the two, before it leaves: they overlap


Host = type[KafkaHost[object]]


async def comes_and_goes(host: Host, topics: Topics, data: DataDirectory, times: int, first_s: float = 0.0) -> None:
    """One owner that joins and leaves so often."""
    await asyncio.sleep(first_s)
    for _ in range(times):
        async with opened(bootstrap(), topics) as stores:
            owner = host(bootstrap(), topics, stores, data.codec, TallyMind(), NoEffects, session_timeout_ms=1_500)
            async with owner:
                await asyncio.sleep(STAYS_S)


async def puts(stores: Stores, data: DataDirectory, acknowledged: dict[str, list[str]], until: asyncio.Event) -> None:
    """Notes which facts were ``acknowledged``, by conversation, in the order of their puts."""
    writer, number = FactWriter(stores.inbox, data.codec), 0

    async def put(conversation: str) -> None:
        event_id = f"{conversation}-{len(acknowledged[conversation])}"
        await writer.put(fact_event(conversation, KeyPressed(key="1"), event_id=event_id))
        acknowledged[conversation].append(event_id)

    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while not until.is_set():
        batch = [f"c{(number + n) % CONVERSATIONS}" for n in range(10)]  # one fact a conversation at a time
        await asyncio.gather(*map(put, batch))
        number += len(batch)
        due_s += len(batch) / FACTS_A_SECOND
        await asyncio.sleep(due_s - loop.time())


class Effective(NamedTuple):
    """``facts``: ids by conversation, in the log's order. ``reigns``: how often an owner took a partition."""

    facts: dict[str, list[str]]
    reigns: int

    @property
    def count(self) -> int:
        return sum(map(len, self.facts.values()))


async def effective_facts(stores: Stores, data: DataDirectory) -> Effective:
    found: dict[str, list[str]] = {f"c{n}": [] for n in range(CONVERSATIONS)}
    reigns = 0
    for partition in range(PARTITIONS):
        reader, start = EffectiveReader(), 0
        while records := await stores.ledger.read(partition, start):
            for record in records:
                for event in reader.feed(record, data.codec.decode(record.body)):
                    if event.kind is Kind.FACT:
                        found[event.conversation_id].append(event.event_id)
            start = records[-1].offset + 1
        reigns += reader.epoch  # each epoch is one above the last
    return Effective(found, reigns)


@pytest.mark.parametrize("host", [KafkaHost])
def test_nothing_is_lost_doubled_or_out_of_order_while_owners_come_and_go(
    host: Host, data: DataDirectory, tmp_path: Path, reader: Path
) -> None:
    topics, over = topics_for(tmp_path, PARTITIONS), asyncio.Event()
    acknowledged: dict[str, list[str]] = {f"c{n}": [] for n in range(CONVERSATIONS)}

    async def both(times: int) -> None:
        await asyncio.gather(*(comes_and_goes(host, topics, data, times, after_s) for after_s in (0.0, STAYS_S / 2)))

    async def ten_times_and_on() -> None:
        await both(CHANGES)
        while sum(map(len, acknowledged.values())) < LEAST_FACTS:
            await both(1)
        over.set()

    async def scenario() -> tuple[Effective, Account]:
        async with opened(bootstrap(), topics) as stores:
            async with asyncio.TaskGroup() as group:
                group.create_task(puts(stores, data, acknowledged, over))
                group.create_task(ten_times_and_on())
            every = [event_id for ids in acknowledged.values() for event_id in ids]
            while (found := await effective_facts(stores, data)).count < len(every):
                await comes_and_goes(host, topics, data, 1)  # takes what nobody has taken yet
        account = await read_by_others(reader, str(bootstrap()), topics.log, every, tmp_path)
        return found, account

    found, account = run(scenario(), A_SCENARIO_S)
    facts = sum(map(len, acknowledged.values()))
    assert account.effective >= 2 * facts  # a fact and what is decided on it
    assert found.reigns >= 2 * CHANGES, "they came and owned nothing"
    doubled = [name for name, count in Counter(id for ids in found.facts.values() for id in ids).items() if count > 1]
    assert not doubled
    assert found.facts == acknowledged
    assert account.wrong == {}


def test_while_a_worker_joins_and_another_leaves_in_good_order_callers_hear_nothing_of_it(
    play: Play,
) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.ring()
        unstruck = await stage.calm()
        struck = await come_and_go(stage, times=1)
        assert_answered_in_time(struck.meanwhile, stage, unstruck)
        assert_answered_in_time(struck.after, stage, unstruck)

    play(scenario)
