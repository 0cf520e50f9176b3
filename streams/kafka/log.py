"""A log on Kafka, opened: its topics, and all adapters over one connection."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.dead_letters import KafkaDeadLetters
from streams.kafka.inbox import KafkaInbox
from streams.kafka.index_follower import follow_all
from streams.kafka.ledger import KafkaLedger
from streams.kafka.local_file import LocalFile
from streams.kafka.registration import registered_ids
from streams.kafka.schema_ids import SchemaIds, lock_file_ids
from streams.kafka.snapshots import KafkaSnapshots
from streams.kafka.states import KafkaStateStore
from streams.kafka.topics import Topics, create_topics
from streams.keys import KeyStore
from streams.owner import Stores

_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def opened(
    brokers: Brokers,
    topics: Topics,
    *,
    replication: int = 1,
    registry: str | None = None,
    registry_tls: ssl.SSLContext | None = None,
    registry_cache: Path | None = None,
    local: Path | None = None,
    warm: bool = False,
    keys: KeyStore | None = None,
) -> AsyncIterator[Stores]:
    """Missing topics are created.

    ``registry``: a schema registry's address, for who writes; ``registry_tls``: whom to trust there; ``registry_cache``: a file that keeps its ids.
    ``local``: a file for what this process needn't read again (``streams.kafka.local_file``); in memory without one.
    ``warm``: it follows all partitions, so that it can take over any of them at once.
    ``keys``: what dead letters are sealed and opened with.
    Raises ``BrokerUnreachableError``, ``TopicMismatchError``, ``RegistryError``.
    """
    ids = await _schema_ids(topics, registry, registry_tls, registry_cache)
    await create_topics(brokers, topics, replication=replication)
    connection = Connection(brokers)
    file = LocalFile(local)
    ledger = KafkaLedger(connection, topics, ids, file)
    snapshots = KafkaSnapshots(connection, topics, file)
    warming = asyncio.create_task(_keep_warm(connection, topics, ledger, snapshots)) if warm else None
    try:
        yield Stores(
            KafkaInbox(connection, topics, ids=ids),
            ledger,
            KafkaStateStore(connection, topics),
            KafkaDeadLetters(connection, topics, ids, keys),
            snapshots,
        )
    finally:
        if warming:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
        await ledger.close()
        file.close()
        await connection.close()


async def _keep_warm(connection: Connection, topics: Topics, ledger: KafkaLedger, snapshots: KafkaSnapshots) -> None:
    indexes = {partition: ledger.index(partition) for partition in range(topics.partitions)}
    try:
        await follow_all(connection, topics, indexes, snapshots)
    except KafkaError as error:  # a takeover then reads what it needs itself
        _LOG.error("the local file isn't kept warm any more: %s", error)


async def _schema_ids(
    topics: Topics, registry: str | None, tls: ssl.SSLContext | None, cache: Path | None
) -> SchemaIds:
    if registry is None:
        _LOG.info("schema ids are those of the lock file: no registry is configured")
        return lock_file_ids()
    return await registered_ids(registry, topics, tls=tls, cache=cache)
