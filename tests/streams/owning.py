"""An owner of partition 0 with a small mind, and what stands on its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind

from schemas.base import Fact
from schemas.event import Event
from streams.codec import Codec
from streams.effective import EffectiveReader
from streams.fact_writer import FactWriter, fact_event
from streams.owner import Owner, Stores


@dataclass
class Reigning:
    effects: NoEffects
    task: asyncio.Task[str]

    async def until_over(self) -> str:
        """Why the reign ended."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.task


@asynccontextmanager
async def reigning(
    data: DataDirectory, *, stores: Stores | None = None, codec: Codec | None = None
) -> AsyncIterator[Reigning]:
    effects = NoEffects()
    owner = Owner(0, stores or data.stores, codec or data.codec, TallyMind(), effects, owner_id="test")
    ready = asyncio.Event()
    task = asyncio.create_task(owner.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield Reigning(effects, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass
class Inbox:
    """Puts facts whose ids are chosen by the test."""

    data: DataDirectory
    put_ids: list[str] = field(default_factory=list)

    async def put(self, payload: Fact, event_id: str, conversation_id: str = "c1") -> None:
        writer = FactWriter(self.data.inbox, self.data.codec)
        await writer.put(fact_event(conversation_id, payload, event_id=event_id))
        self.put_ids.append(event_id)


async def effective(data: DataDirectory) -> list[Event]:
    """Every effective event of partition 0, in order."""
    reader, found, start = EffectiveReader(), [], 0
    while records := await data.ledger.read(0, start):
        for record in records:
            found.extend(reader.feed(record, data.codec.decode(record.body)))
        start = records[-1].offset + 1
    return found


async def until(data: DataDirectory, event_id: str) -> list[Event]:
    """Waits until this event is effective."""
    async with asyncio.timeout(PATIENCE_S):
        async for _ in data.store.changes():
            events = await effective(data)
            if any(event.event_id == event_id for event in events):
                return events
    raise AssertionError("unreachable: a log is followed without end")
