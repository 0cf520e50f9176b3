"""A log on Kafka, opened: its topics, and all adapters over one connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.kafka.connection import Connection
from streams.kafka.dead_letters import KafkaDeadLetters
from streams.kafka.inbox import KafkaInbox
from streams.kafka.ledger import KafkaLedger
from streams.kafka.registration import registered_ids
from streams.kafka.schema_ids import SchemaIds, lock_file_ids
from streams.kafka.states import KafkaStateStore
from streams.kafka.topics import Topics, create_topics
from streams.owner import Stores

_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def opened(
    bootstrap: str,
    topics: Topics,
    *,
    replication: int = 1,
    registry: str | None = None,
    registry_cache: Path | None = None,
) -> AsyncIterator[Stores]:
    """``bootstrap``: ``host:port[,host:port…]``. Missing topics are created.

    ``registry``: a schema registry's address, for who writes; ``registry_cache``: a file that keeps its ids.
    Raises ``BrokerUnreachableError``, ``TopicMismatchError``, ``RegistryError``.
    """
    ids = await _schema_ids(topics, registry, registry_cache)
    await create_topics(bootstrap, topics, replication=replication)
    connection = Connection(bootstrap)
    ledger = KafkaLedger(connection, topics, ids)
    try:
        yield Stores(
            KafkaInbox(connection, topics, ids=ids),
            ledger,
            KafkaStateStore(connection, topics),
            KafkaDeadLetters(connection, topics, ids),
        )
    finally:
        await ledger.close()
        await connection.close()


async def _schema_ids(topics: Topics, registry: str | None, cache: Path | None) -> SchemaIds:
    if registry is None:
        _LOG.info("schema ids are those of the lock file: no registry is configured")
        return lock_file_ids()
    return await registered_ids(registry, topics, cache=cache)
