"""Asks the leader of one partition, on aiokafka's client: where it begins and ends, and for record batches as they lie there.

aiokafka's own consumer makes an object of each record before it hands any out, and of that ours is made: more than half of what
a fold from Kafka cost. Here a fetch gives bytes (``streams.kafka.fetched`` reads them), and nothing is fetched that nobody asked
for. It sees what that consumer sees: every record below the high watermark, be its transaction open or not.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    BrokerResponseError,
    KafkaError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]
from aiokafka.protocol.offset import OffsetRequest  # type: ignore[import-untyped]

from streams.kafka.brokers import Brokers

_LOG = logging.getLogger(__name__)

LATEST, EARLIEST = -1, -2
_NO_REPLICA, _UNCOMMITTED_TOO = -1, 0
_MOST_BYTES = 1 << 20  # a first batch that is larger comes whole
_WAIT_MS = 5  # of a broker, for records that may never come: a compacted topic has gaps
_RETRY_S = 0.1
# A broker that was cut off hands out what it has as the log, until it hears that another leads: as soon as it reaches the others.
# For so long a log that ends too early is asked again.
BEHIND_S = 10.0
# Of what a broker answers: asking again won't better it. Anything else may pass, with a new leader at the latest.
_FINAL = (OffsetOutOfRangeError, TopicAuthorizationFailedError)


class PartitionFetcher:
    """Start it as a connection does (``Connection.fetcher``). It asks for as long as it is awaited."""

    def __init__(self, brokers: Brokers, topic: str, partition: int, *, request_timeout_ms: int) -> None:
        self.client = AIOKafkaClient(**brokers.client(), request_timeout_ms=request_timeout_ms)
        self._at = TopicPartition(topic, partition)

    async def start(self) -> None:
        """Raises ``KafkaError`` where no broker answers."""
        await self.client.bootstrap()
        await self.client.set_topics([self._at.topic])

    async def stop(self) -> None:
        await self.client.close()

    async def offset(self, which: int) -> int:
        """``LATEST``: of the next record; ``EARLIEST``: of the first that the topic still holds. Raises ``KafkaError``."""
        _, _, _, offset, *_ = await self._asked(
            OffsetRequest(_NO_REPLICA, _UNCOMMITTED_TOO, [(self._at.topic, [(self._at.partition, which)])])
        )
        return int(offset)

    async def end(self, known: int) -> int:
        """Where the log ends. ``known``: it did before; an end below that is believed only once nobody told another one for
        ``BEHIND_S``. Raises ``KafkaError``."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + BEHIND_S
        while (end := await self.offset(LATEST)) < known:
            if loop.time() >= until_s:
                _LOG.error(
                    "topic %s, partition %s, ends at %s, and it reached %s before: its records were lost, or it was made anew",
                    *(*self._at, end, known),
                )
                break
            await asyncio.sleep(_RETRY_S)
            await self.client.force_metadata_update()
        return end

    async def fetch(self, offset: int) -> bytes:
        """Batches from that on which holds ``offset``; none where the broker had none in time.

        Raises ``OffsetOutOfRangeError``, of partition and offset, and other ``KafkaError``.
        """
        request = FetchRequest(
            _WAIT_MS, 1, _MOST_BYTES, _UNCOMMITTED_TOO, [(self._at.topic, [(self._at.partition, offset, _MOST_BYTES)])]
        )
        try:
            *_, batches = await self._asked(request)
        except OffsetOutOfRangeError:
            raise OffsetOutOfRangeError({self._at: offset}) from None
        return batches or b""

    async def _asked(self, request: FetchRequest | OffsetRequest) -> tuple[Any, ...]:
        """What the leader says of the partition."""
        while True:
            try:
                return self._said(await self._sent(request))
            except KafkaError as error:
                if isinstance(error, _FINAL) or not (error.retriable or isinstance(error, BrokerResponseError)):
                    raise
                _LOG.debug("%s is asked again: %s", self._at, error)
            await asyncio.sleep(_RETRY_S)
            await self.client.force_metadata_update()

    async def _sent(self, request: FetchRequest | OffsetRequest) -> Any:
        leader = self.client.cluster.leader_for_partition(self._at)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError
        return await self.client.send(leader, request)

    def _said(self, answer: Any) -> tuple[Any, ...]:
        if not answer.topics:  # an error of all of it
            raise for_code(answer.error_code)(self._at.topic)
        ((_, (said,)),) = answer.topics
        if code := said[1]:
            raise for_code(code)(self._at.topic)
        return tuple(said)
