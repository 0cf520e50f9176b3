"""Keeps a process's local file warm: it reads log and snapshots of all partitions as they grow, and decodes nothing.

So whoever takes over a partition reads only what came in since a moment ago, whichever partition it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import TopicPartition  # type: ignore[import-untyped]

from streams.kafka.connection import Connection, Patience
from streams.kafka.conversation_index import ConversationIndex
from streams.kafka.snapshots import KafkaSnapshots
from streams.kafka.topics import Topics

_BATCH = 1000
_TIMEOUT_MS = 1000
# Nobody waits for this: a takeover reads by itself what came in since. Answered at each record instead, it cost more than
# any other reader: all partitions' places in each fetch, and an answer for every append of whoever owns them.
_AT_LEISURE = Patience(1_000, wanted_bytes=1_000_000)


async def follow_all(
    connection: Connection, topics: Topics, indexes: Mapping[int, ConversationIndex], snapshots: KafkaSnapshots
) -> None:
    """With one consumer, without end, over a loss of the brokers too. Raises ``KafkaError`` where records are gone."""
    starts: dict[TopicPartition, int] = {}
    for partition, index in indexes.items():
        await index.open()
        starts[TopicPartition(topics.log, partition)] = index.next
        starts[TopicPartition(topics.snapshot, partition)] = await snapshots.open(partition)
    async with connection.following(starts, _AT_LEISURE) as consumer:
        while True:
            fetched = await consumer.getmany(timeout_ms=_TIMEOUT_MS, max_records=_BATCH)
            for at, records in fetched.items():
                if at.topic == topics.log:
                    indexes[at.partition].add(records)
                else:
                    snapshots.add(at.partition, records)
