"""Gateways on real brokers: each sees its own calls decided, decodes nothing of others', and shares its consumers."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from broker import bootstrap, topics_for
from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind, run

from schemas import facts as f
from schemas.event import Event
from streams.codec import Body, Codec
from streams.fact_writer import FactWriter, fact_event
from streams.kafka.connection import Connection
from streams.kafka.log import opened
from streams.kafka.topics import Topics
from streams.keys import KeyStore
from streams.owner import Owner, Stores
from streams.partitioner import partition_of
from streams.tail import ConversationTail

PARTITIONS, GATEWAYS, CALLS, FACTS = 4, 3, 8, 6
ARRIVED = f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none")


class CountingCodec(Codec):
    """A gateway's: counts what it decodes, by conversation."""

    def __init__(self, keys: KeyStore) -> None:
        super().__init__(keys)
        self.decoded: Counter[str] = Counter()

    def decode(self, body: Body, stored_under: str | None = None) -> Event:
        event = super().decode(body, stored_under)
        self.decoded[event.conversation_id] += 1
        return event


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[int, str, int]]:
    """(connection, topic, partition) → how often a consumer was opened that follows it."""
    opened_for: Counter[tuple[int, str, int]] = Counter()
    following = Connection.following

    def counted(connection: Connection, starts: Any) -> Any:
        opened_for.update((id(connection), at.topic, at.partition) for at in starts)
        return following(connection, starts)

    monkeypatch.setattr(Connection, "following", counted)
    return opened_for


async def _call(stores: Stores, codec: CountingCodec, call_id: str) -> list[str]:
    """One call of a gateway: its facts, each put once the one before it was read back. Returns the ids that were read."""
    tail, writer = (
        ConversationTail(stores.ledger, codec, call_id, states=stores.states),
        FactWriter(stores.inbox, codec),
    )
    assert await tail.begin(is_new=True) == []
    read: list[str] = []
    number = 0
    await writer.put(fact_event(call_id, ARRIVED, event_id=f"{call_id}.0"))
    async with asyncio.timeout(PATIENCE_S):
        events = tail.events()
        async for event in events:
            read.append(event.event_id)
            if event.event_id == f"{call_id}.{number}":
                number += 1
                if number == FACTS:
                    break
                await writer.put(fact_event(call_id, f.KeyPressed(key="2"), event_id=f"{call_id}.{number}"))
        await events.aclose()  # type: ignore[attr-defined]
    return read


async def _play(
    data: DataDirectory, topics: Topics, followed: Counter[tuple[int, str, int]]
) -> tuple[dict[str, list[str]], list[CountingCodec]]:
    async with AsyncExitStack() as stack:
        for group in (range(PARTITIONS // 2), range(PARTITIONS // 2, PARTITIONS)):  # two processes that own
            owning = await stack.enter_async_context(opened(bootstrap(), topics))
            for partition in group:
                await _own(stack, owning, data.codec, partition)
        codecs = [CountingCodec(data.keys) for _ in range(GATEWAYS)]
        gateways = [await stack.enter_async_context(opened(bootstrap(), topics)) for _ in range(GATEWAYS)]
        followed.clear()  # of the inbox, by the owners
        names = {f"call-{g}-{n}": g for g in range(GATEWAYS) for n in range(CALLS)}
        assert {partition_of(name, PARTITIONS) for name in names} == set(range(PARTITIONS))
        read = await asyncio.gather(*(_call(gateways[g], codecs[g], name) for name, g in names.items()))
        return dict(zip(names, read, strict=True)), codecs


async def _own(stack: AsyncExitStack, stores: Stores, codec: Codec, partition: int) -> None:
    owner = Owner(partition, stores, codec, TallyMind(), NoEffects(), owner_id=f"o{partition}")
    ready = asyncio.Event()
    task = asyncio.create_task(owner.run(ready.set))
    await ready.wait()

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(stop)


def test_gateways_decode_nothing_of_others_and_follow_each_partition_once(
    data: DataDirectory, tmp_path: Path, followed: Counter[tuple[int, str, int]]
) -> None:
    read, codecs = run(_play(data, topics_for(tmp_path, PARTITIONS), followed))
    for call_id, ids in read.items():
        facts = [event_id for event_id in ids if event_id.startswith("call-")]
        assert facts == [f"{call_id}.{number}" for number in range(FACTS)]
    for gateway, codec in enumerate(codecs):
        foreign = {name for name in codec.decoded if name and not name.startswith(f"call-{gateway}-")}
        assert foreign == set()
        assert len(codec.decoded) >= CALLS
    of_the_log = {at: count for at, count in followed.items() if at[1].endswith("support.conversation.v1")}
    its_partitions = {(name.split("-")[1], partition_of(name, PARTITIONS)) for name in read}
    assert set(of_the_log.values()) == {1}
    assert len(of_the_log) == len(its_partitions)
