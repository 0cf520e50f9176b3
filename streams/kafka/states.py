"""Where owners stand, on a compacted topic: partition by partition like the log, the newest counts."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.topics import Topics
from streams.ports import Held

SAVE_TIMEOUT_S = 5.0
_KEY = b"held"
_BACK = (64, 4_096)  # how far a load looks back from the end before it reads all


class KafkaStateStore:
    def __init__(self, connection: Connection, topics: Topics) -> None:
        self._connection, self._topic = connection, topics.state
        self._readers: dict[int, PartitionReader] = {}

    async def save(self, held: Held) -> None:
        """A hint for the next start, so a failure is no one's business: broken brokers are the append's to report."""
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(SAVE_TIMEOUT_S):
                producer = await self._connection.shared_producer()
                value = held.encoded()
                await producer.send_and_wait(self._topic, value, key=_KEY, partition=held.partition)

    async def load(self, partition: int) -> Held | None:
        reader = self._readers.get(partition)
        if reader is None:
            reader = self._readers[partition] = PartitionReader(self._connection, self._topic, partition)
        end = await reader.end()
        for back in (*_BACK, end):
            start = max(0, end - back)
            for record in reversed(await reader.read(start, end - start, until=end) if end else []):
                if record.key == _KEY and record.value:
                    return Held.decoded(record.value)
            if start == 0:
                break
        return None
