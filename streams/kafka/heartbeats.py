"""Workers tell each other that they are alive, and what they own, on a topic of one partition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.topics import Topics
from streams.seats import LOST_AFTER, Heartbeat

BEAT_EVERY_S = 0.3
SEND_TIMEOUT_S = 5.0
_LOOK_BACK = 100  # records: who was alive a moment ago
_BATCH = 500


class Heartbeats:
    def __init__(self, connection: Connection, topics: Topics) -> None:
        self._connection, self._topic = connection, topics.workers

    async def send(self, beat: Heartbeat) -> bool:
        """Whether a broker took it. A lost one is no one's business: the next comes soon."""
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(SEND_TIMEOUT_S):
                producer = await self._connection.shared_producer()
                value = msgspec.msgpack.encode(beat)
                await producer.send_and_wait(self._topic, value, key=beat.worker_id.encode(), partition=0)
                return True
        return False

    async def follow(self) -> AsyncIterator[Heartbeat]:
        """All workers', own ones too, from a little before now on; without end, over a loss of the brokers too."""
        reader = PartitionReader(self._connection, self._topic, 0)
        start = max(await reader.begin(), await reader.end() - _LOOK_BACK)  # none are left where nobody ran for hours
        following = self._connection.follow(self._topic, 0, start, _BATCH, begins_later=True)
        try:
            async for records in following:
                for record in records:
                    with suppress(msgspec.MsgspecError):  # anyone may write to a topic
                        yield msgspec.msgpack.decode(record.value or b"", type=Heartbeat)
        finally:
            await following.aclose()


async def living_workers(connection: Connection, topics: Topics) -> int:
    """How many workers are alive: listens for as long as a living one is never silent."""
    reader = PartitionReader(connection, topics.workers, 0)
    start = await reader.end()
    await asyncio.sleep(LOST_AFTER * BEAT_EVERY_S)
    alive: set[str] = set()
    for record in await reader.read(start, _BATCH):
        with suppress(msgspec.MsgspecError):
            beat = msgspec.msgpack.decode(record.value or b"", type=Heartbeat)
            (alive.discard if beat.leaving else alive.add)(beat.worker_id)
    return len(alive)
