"""Clients of one set of brokers, all of them made and closed here.

Who follows a partition and can't wait has a consumer of its own: aiokafka has one fetch a node under way, so in a shared
one a fetch that waits for idle partitions would hold up a busy one. None has a group: partitions are assigned, offsets
are the log's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.records import Record

_LOG = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 10_000
MAX_RECORD_BYTES = 1_000_000  # below the brokers' default of 1,048,588: refused here, before it costs a sequence number
MAX_BATCH_BYTES = 900_000
RETRY_S = 0.1
CLOSE_TIMEOUT_S = 5.0


class Connection:
    """``bootstrap``: ``host:port[,host:port…]``."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumers: set[AIOKafkaConsumer] = set()
        self._producers: set[AIOKafkaProducer] = set()
        self._shared: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        for consumer in list(self._consumers):
            await self.drop_consumer(consumer)
        for producer in list(self._producers):
            await self.drop_producer(producer)

    async def shared_producer(self) -> AIOKafkaProducer:
        """For whatever may be written twice: a retry after a lost acknowledgement may do so, and readers dedupe.

        Not idempotent on purpose: aiokafka retries an idempotent batch for ever, and a putter must hear that it failed.
        """
        async with self._starting:
            if self._shared is None:
                self._shared = await self._started(AIOKafkaProducer(**self._producing(), enable_idempotence=False))
            return self._shared

    async def idempotent_producer(self) -> AIOKafkaProducer:
        """One of its own for each caller: no retry of its appends repeats or reorders them."""
        return await self._started(AIOKafkaProducer(**self._producing(), enable_idempotence=True))

    async def drop_producer(self, producer: AIOKafkaProducer) -> None:
        """Waits for what is under way, but not for ever: brokers may be gone."""
        self._producers.discard(producer)
        with suppress(KafkaError):  # what was under way failed: its own waiter hears of it
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await producer.stop()
            except TimeoutError:
                _LOG.warning("a producer was closed with appends under way: no broker acknowledged them")
                await producer.client.close()

    async def consumer(self, *partitions: TopicPartition, fetch_max_wait_ms: int = 500) -> AIOKafkaConsumer:
        """Assigned to partitions, without a group. Waits while no broker answers. ``drop_consumer`` when done."""
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",  # records that are gone are said to be gone, not passed over
                fetch_max_wait_ms=fetch_max_wait_ms,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            try:
                await start(consumer)
                break
            except KafkaError as error:
                await consumer.stop()
                _LOG.warning("no broker answers: %s", type(error).__name__)
                await asyncio.sleep(RETRY_S)
        self._consumers.add(consumer)
        consumer.assign(list(partitions))
        return consumer

    async def drop_consumer(self, consumer: AIOKafkaConsumer) -> None:
        self._consumers.discard(consumer)
        await consumer.stop()

    async def beginning(self, topic: str, partition: int) -> int:
        """The first offset that the topic still holds. Raises ``KafkaError``."""
        at = TopicPartition(topic, partition)
        consumer = await self.consumer(at)
        try:
            return int((await consumer.beginning_offsets([at]))[at])
        finally:
            await self.drop_consumer(consumer)

    @asynccontextmanager
    async def following(self, starts: Mapping[TopicPartition, int]) -> AsyncIterator[AIOKafkaConsumer]:
        """One consumer of these partitions, each from its offset on."""
        consumer = await self.consumer(*starts)
        try:
            for at, start in starts.items():
                consumer.seek(at, start)
            yield consumer
        finally:
            await self.drop_consumer(consumer)

    async def follow(self, topic: str, partition: int, start: int, batch: int) -> AsyncGenerator[list[Record], None]:
        """Batches from ``start`` on, without end; over a loss of the brokers too."""
        async with self.following({TopicPartition(topic, partition): start}) as consumer:
            while True:
                for records in (await consumer.getmany(timeout_ms=1000, max_records=batch)).values():
                    if records:
                        yield records

    async def _started(self, producer: AIOKafkaProducer) -> AIOKafkaProducer:
        try:
            await start(producer)
        except KafkaError:
            await self.drop_producer(producer)
            raise
        self._producers.add(producer)
        return producer

    def _producing(self) -> dict[str, object]:
        return {
            "bootstrap_servers": self._bootstrap,
            "acks": "all",
            "linger_ms": 0,  # 5 ms of linger cost 6.5 ms of a round trip
            "max_batch_size": MAX_BATCH_BYTES,
            "max_request_size": MAX_RECORD_BYTES,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
        }


async def start(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Raises ``KafkaError``. Cancelled, it lets the start come to an end first: aiokafka leaks the connection that it is
    opening when it is cancelled meanwhile."""
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=CLOSE_TIMEOUT_S)
        starting.cancel()
        with suppress(KafkaError, asyncio.CancelledError):
            await starting
        await client.stop()
        raise


@asynccontextmanager
async def connected(bootstrap: str) -> AsyncIterator[Connection]:
    connection = Connection(bootstrap)
    try:
        yield connection
    finally:
        await connection.close()
