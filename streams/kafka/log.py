"""A log on Kafka, opened: its topics, and all adapters over one connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.kafka.connection import Connection
from streams.kafka.dead_letters import KafkaDeadLetters
from streams.kafka.inbox import KafkaInbox
from streams.kafka.ledger import KafkaLedger
from streams.kafka.states import KafkaStateStore
from streams.kafka.topics import Topics, create_topics
from streams.owner import Stores


@asynccontextmanager
async def opened(bootstrap: str, topics: Topics, *, replication: int = 1) -> AsyncIterator[Stores]:
    """``bootstrap``: ``host:port[,host:port…]``. Missing topics are created.

    Raises ``BrokerUnreachableError``, ``TopicMismatchError``.
    """
    await create_topics(bootstrap, topics, replication=replication)
    connection = Connection(bootstrap)
    ledger = KafkaLedger(connection, topics)
    try:
        yield Stores(
            KafkaInbox(connection, topics),
            ledger,
            KafkaStateStore(connection, topics),
            KafkaDeadLetters(connection, topics),
        )
    finally:
        await ledger.close()
        await connection.close()
