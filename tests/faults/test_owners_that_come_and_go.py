"""Two owners that join and leave ten times while 200 facts a second come in."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from broker import bootstrap, topics_for
from support import DataDirectory, NoEffects, TallyMind, run

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
CHANGES = 10
STAYS_S = 0.8  # each of the two, before it leaves: they overlap


async def comes_and_goes(topics: Topics, data: DataDirectory, times: int, first_s: float) -> list[str]:
    """Why its reigns ended, of one owner that joins and leaves so often."""
    lost: list[str] = []
    await asyncio.sleep(first_s)
    for _ in range(times):
        async with opened(bootstrap(), topics) as stores:
            host: KafkaHost[object] = KafkaHost(
                bootstrap(), topics, stores, data.codec, TallyMind(), NoEffects, session_timeout_ms=1_500
            )
            async with host:
                await asyncio.sleep(STAYS_S)
        lost += host.reigns_lost
    return lost


async def puts(stores: Stores, data: DataDirectory, until: asyncio.Event) -> dict[str, list[str]]:
    """The facts that were acknowledged, by conversation, in the order of their puts."""
    writer, number = FactWriter(stores.inbox, data.codec), 0
    acknowledged: dict[str, list[str]] = {f"c{n}": [] for n in range(CONVERSATIONS)}

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
    return acknowledged


async def effective_facts(stores: Stores, data: DataDirectory) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {f"c{n}": [] for n in range(CONVERSATIONS)}
    for partition in range(PARTITIONS):
        reader, start = EffectiveReader(), 0
        while records := await stores.ledger.read(partition, start):
            for record in records:
                for event in reader.feed(record, data.codec.decode(record.body)):
                    if event.kind is Kind.FACT:
                        found[event.conversation_id].append(event.event_id)
            start = records[-1].offset + 1
    return found


def test_nothing_is_lost_doubled_or_out_of_order_while_owners_come_and_go(data: DataDirectory, tmp_path: Path) -> None:
    topics = topics_for(tmp_path, PARTITIONS)

    async def scenario() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        over = asyncio.Event()
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(opened(bootstrap(), topics))
            putting = asyncio.create_task(puts(stores, data, over))
            await asyncio.gather(
                comes_and_goes(topics, data, CHANGES, 0.0), comes_and_goes(topics, data, CHANGES, STAYS_S / 2)
            )
            over.set()
            acknowledged = await putting
            await comes_and_goes(topics, data, 1, 0.0)  # takes what nobody has taken yet
            async with asyncio.timeout(30.0):
                while sum(map(len, (found := await effective_facts(stores, data)).values())) < sum(
                    map(len, acknowledged.values())
                ):
                    await comes_and_goes(topics, data, 1, 0.0)
        return acknowledged, found

    acknowledged, found = run(scenario())
    assert sum(map(len, acknowledged.values())) > FACTS_A_SECOND * CHANGES * STAYS_S / 2
    doubled = [name for name, count in Counter(id for ids in found.values() for id in ids).items() if count > 1]
    assert not doubled
    assert found == acknowledged
