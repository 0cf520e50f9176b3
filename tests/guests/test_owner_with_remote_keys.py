"""An owner and a gateway whose keys lie with a key service decide, seal and read as with keys of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from owning import reigning
from support import PATIENCE_S, DataDirectory, eventually, run

from schemas.event import Event
from schemas.facts import CallArrived, KeyPressed
from streams.codec import Body, Codec
from streams.effective import EffectiveReader
from streams.fact_writer import FactWriter, fact_event
from streams.key_server import serving
from streams.key_tokens import Role, read_grants
from streams.keys import MemoryKeyStore
from streams.remote_keys import RemoteKeyStore

TOKEN = "a" * 32
GRANTS = read_grants(f"{Role.CREATE} {TOKEN}")
ARRIVED = CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none", caller="+100")


@asynccontextmanager
async def keys_of(url: str) -> AsyncIterator[Codec]:
    """A process of its own, as far as keys go."""
    async with RemoteKeyStore(url, TOKEN) as remote:
        yield Codec(remote)


async def effective(data: DataDirectory, codec: Codec) -> list[Event]:
    reader, found = EffectiveReader(), list[Event]()
    for record in await data.ledger.read(0, 0):
        await codec.prepare((record.conversation_id,))
        found.extend(reader.feed(record, codec.decode(record.body, record.conversation_id)))
    return found


async def until_effective(data: DataDirectory, codec: Codec, event_id: str) -> list[Event]:
    async def look() -> list[Event] | None:
        events = await effective(data, codec)
        return events if any(event.event_id == event_id for event in events) else None

    return await eventually(look)


def test_a_call_is_decided_with_keys_from_another_machine(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        async with serving(MemoryKeyStore(), GRANTS) as url, keys_of(url) as gateway:
            writer = FactWriter(data.inbox, gateway)
            async with keys_of(url) as first, reigning(data, codec=first):
                await writer.put(fact_event("c1", ARRIVED, event_id="f0"))
                await until_effective(data, gateway, "f0")
            async with keys_of(url) as next_one, reigning(data, codec=next_one):  # reads back what it didn't seal
                await writer.put(fact_event("c1", KeyPressed(key="2"), event_id="f1"))
                return await until_effective(data, gateway, "f1")

    events = run(scenario())
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    heard = [event.payload for event in events if isinstance(event.payload, CallArrived | KeyPressed)]
    assert heard == [ARRIVED, KeyPressed(key="2")]


def test_an_owner_that_gets_no_keys_gives_up_its_reign_and_the_next_takes_the_fact(data: DataDirectory) -> None:
    async def scenario() -> tuple[str, list[Event]]:
        keys = MemoryKeyStore()
        async with serving(keys, GRANTS) as url, keys_of(url) as gateway:
            await FactWriter(data.inbox, gateway).put(fact_event("c1", ARRIVED, event_id="f0"))
        async with keys_of(url) as cut_off, reigning(data, codec=cut_off) as reign:
            why = await reign.until_over()
        async with serving(keys, GRANTS) as url, keys_of(url) as codec, reigning(data, codec=codec):
            return why, await until_effective(data, codec, "f0")

    why, events = run(scenario())
    assert why.startswith("the key service can't be asked")
    assert [event.event_id for event in events][:1] == ["f0"]


def test_bytes_under_a_strange_key_end_no_reign(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        async with serving(MemoryKeyStore(), GRANTS) as url, keys_of(url) as codec, reigning(data, codec=codec):
            sealed, _ = Codec(MemoryKeyStore()).encode(fact_event("elsewhere", KeyPressed(key="7")))
            await data.inbox.put("c1", "p1", sealed)
            strange, _ = Codec(MemoryKeyStore()).encode(fact_event("not / ours", KeyPressed(key="7")))
            await data.inbox.put("not / ours", "p2", strange)
            await data.inbox.put("c1", "p3", Body("", 0, b"junk"))
            await FactWriter(data.inbox, codec).put(fact_event("c1", ARRIVED, event_id="f0"))
            return await until_effective(data, codec, "f0")

    async def in_time() -> list[Event]:
        async with asyncio.timeout(PATIENCE_S):
            return await scenario()

    events = run(in_time())
    ours = [event.type for event in events if event.conversation_id == "c1" and event.event_id != "f0"]
    assert ours[:2] == ["FactDropped", "FactDropped"]
