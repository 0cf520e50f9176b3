"""Looks whether the topics of a log are still there: a worker that has nothing to append or take would never hear of it."""

from __future__ import annotations

import asyncio
import logging

from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code  # type: ignore[import-untyped]
from aiokafka.protocol.metadata import MetadataRequest  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.topics import Topics
from streams.ports import RecordsGoneError

_LOG = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0


class TopicsMadeAnewError(RecordsGoneError, KafkaError):  # type: ignore[misc]
    """What this process knows of a topic's records is of another one."""

    def __str__(self) -> str:
        return str(self.args[0])


async def watch_topics(connection: Connection, topics: Topics, look_every_s: float = LOOK_EVERY_S) -> None:
    """Without end, over a loss of the brokers too. What is gone is told of once, by name; when a look finds all of it again,
    raises ``TopicsMadeAnewError``.

    Gone is what two looks in a row don't find: a broker that has just started may not have heard of it.
    """
    names = sorted(topics.configured())
    before: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    while True:
        await asyncio.sleep(look_every_s)
        try:
            missing = await _missing(connection, names)
        except KafkaError:  # who appends or takes tells of that
            continue
        if new := (missing & before) - gone:
            gone |= new
            _LOG.error(
                "topics of this log are gone, and nobody can decide without them: %s. Were they deleted? Stop all workers, and "
                "bring the log back from a copy (ledgerline import)",
                ", ".join(sorted(new)),
            )
        if gone and not missing:
            raise TopicsMadeAnewError(
                f"{', '.join(sorted(gone))}: deleted and made anew, while this process knew what was there before: start it again"
            )
        before = missing


async def _missing(connection: Connection, names: list[str]) -> frozenset[str]:
    """Raises ``KafkaError``."""
    client = (await connection.shared_producer()).client
    answer = (await client.send(client.get_random_node(), MetadataRequest(names, False))).to_object()
    return frozenset(
        found["topic"] for found in answer["topics"] if for_code(found["error_code"]) is UnknownTopicOrPartitionError
    )
