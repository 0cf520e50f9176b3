"""Clients of one set of brokers, all of them made and closed here.

Closing a client takes a few turns of the loop, and one that is left half closed leaks its tasks. So each is closed by a
task of the connection: whoever wanted it closed may be cancelled, even twice, and ``close`` returns when all have ended.

Who follows a partition and can't wait has a consumer of its own: aiokafka has one fetch a node under way, so in a shared
one a fetch that waits for idle partitions would hold up a busy one. None has a group: partitions are assigned, offsets
are the log's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.consumer.group_coordinator import GroupCoordinator  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, OffsetOutOfRangeError  # type: ignore[import-untyped]

from streams.kafka.attentive_client import SILENT_S, attend
from streams.kafka.brokers import Brokers
from streams.kafka.following import Following
from streams.kafka.gone import TopicRecordsGoneError
from streams.kafka.leaderships import Leaderships
from streams.kafka.partition_fetcher import PartitionFetcher
from streams.kafka.partition_producer import PartitionProducer
from streams.kafka.records import Record
from streams.kafka.silence import Silence

_LOG = logging.getLogger(__name__)

# A broker that this process alone can't reach keeps its connections: only this ends the wait for it. One that the others
# can't reach either is given up before (``streams.kafka.attentive_client``).
REQUEST_TIMEOUT_MS = 5_000
MAX_RECORD_BYTES = 1_000_000  # below the brokers' default of 1,048,588: refused here, before it costs a sequence number
MAX_BATCH_BYTES = 900_000
RETRY_S = 0.1
# aiokafka looks five times a second whether a consumer has something to fetch, though whatever gives it some wakes it. A
# worker has fifty, nearly all of them paused: two thirds of what it spent while nobody called.
_LOOK_AROUND_MS = 2_000
CLOSE_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 12.0  # a group is left behind a rebalance that is under way, and that waits up to 10 s for others


class Patience(NamedTuple):
    """How long a broker keeps a fetch that finds less than so many bytes. The longest stays well below
    ``REQUEST_TIMEOUT_MS``: a broker that is busy as well is not one that is gone."""

    most_ms: int
    wanted_bytes: int = 1


PROMPT = Patience(2_000)  # answered by the first record; each fetch that finds nothing costs both sides 1 ms of CPU

# AIOKafkaConsumer, AIOKafkaProducer, PartitionFetcher or PartitionProducer: aiokafka says nothing of types
_Client: TypeAlias = Any


class Connection:
    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._clients: dict[_Client, asyncio.Future[None]] = {}  # with the start of each
        self._closing: dict[_Client, asyncio.Task[None]] = {}
        self._shared: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._silence, self._leaderships = Silence(), Leaderships()

    async def close(self) -> None:
        """Cancelled meanwhile, it closes what is left first."""
        for client in list(self._clients):
            self._dropped(client)
        cancelled: asyncio.CancelledError | None = None
        while self._closing:
            try:
                await asyncio.wait(self._closing.values())
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled

    @property
    def clients(self) -> int:
        """How many are open, or being closed."""
        return len(self._clients) + len(self._closing)

    async def shared_producer(self) -> AIOKafkaProducer:
        """For whatever may be written twice: a retry after a lost acknowledgement may do so, and readers dedupe.

        Not idempotent on purpose: aiokafka retries an idempotent batch for ever, and a putter must hear that it failed.
        """
        async with self._starting:
            if self._shared is None:
                producer = AIOKafkaProducer(**self._producing(), enable_idempotence=False)
                await self.start(producer)
                self._shared = producer
            return self._shared

    async def partition_producer(self, topic: str, partition: int) -> PartitionProducer:
        """Idempotent: no retry of its appends repeats or reorders them."""
        producer = PartitionProducer(
            self._brokers,
            topic,
            partition,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_batch_bytes=MAX_BATCH_BYTES,
        )
        await self.start(producer)
        return producer

    async def fetcher(self, topic: str, partition: int) -> PartitionFetcher:
        """Waits while no broker answers."""
        fetcher: PartitionFetcher = await self._started(
            lambda: PartitionFetcher(self._brokers, topic, partition, request_timeout_ms=REQUEST_TIMEOUT_MS)
        )
        return fetcher

    async def consumer(self, *partitions: TopicPartition, patience: Patience = PROMPT) -> AIOKafkaConsumer:
        """Assigned to partitions, without a group. Waits while no broker answers. ``drop`` when done."""
        consumer = await self._started(
            lambda: AIOKafkaConsumer(
                **self._brokers.client(),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",  # records that are gone are said to be gone, not passed over
                fetch_max_wait_ms=patience.most_ms,
                fetch_min_bytes=patience.wanted_bytes,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                consumer_timeout_ms=_LOOK_AROUND_MS,
            ),
            SILENT_S + patience.most_ms / 1000,
        )
        consumer.assign(list(partitions))
        return consumer

    async def _started(self, make: Callable[[], _Client], patience_s: float = SILENT_S) -> _Client:
        while True:
            client = make()
            try:
                await self.start(client, patience_s)
            except KafkaError as error:
                _LOG.warning("no broker answers: %s", type(error).__name__)
                await asyncio.sleep(RETRY_S)
            else:
                return client

    async def start(self, client: _Client, patience_s: float = SILENT_S) -> None:
        """From here on it is the connection's to close. Raises ``KafkaError``: then it is closed already.

        ``patience_s``: how long a broker may take for an answer before the others are asked about it.

        A start goes on though its waiter is cancelled: aiokafka leaks the connection that it is opening when it is
        cancelled meanwhile. It is closed behind that.
        """
        asks = client._client if isinstance(client, AIOKafkaConsumer) else client.client
        attend(asks, self._silence, self._leaderships, patience_s)
        starting = self._clients[client] = asyncio.ensure_future(client.start())
        try:
            await asyncio.shield(starting)
        except KafkaError:
            await self.drop(client)
            raise
        except asyncio.CancelledError:
            self._dropped(client)
            raise

    async def drop(self, client: _Client) -> None:
        """Waits for what is under way, but not for ever: brokers may be gone."""
        if closing := self._dropped(client):
            await asyncio.shield(closing)

    async def beginning(self, topic: str, partition: int) -> int:
        """The first offset that the topic still holds. Raises ``KafkaError``."""
        at = TopicPartition(topic, partition)
        consumer = await self.consumer(at)
        try:
            return int((await consumer.beginning_offsets([at]))[at])
        finally:
            await self.drop(consumer)

    @asynccontextmanager
    async def following(
        self, starts: Mapping[TopicPartition, int], patience: Patience = PROMPT
    ) -> AsyncIterator[Following]:
        """One consumer of these partitions, each from its offset on. Raises ``TopicRecordsGoneError``."""
        consumer = await self.consumer(*starts, patience=patience)
        try:
            for at, start in starts.items():
                consumer.seek(at, start)
            yield Following(consumer)
        except OffsetOutOfRangeError as error:
            raise TopicRecordsGoneError(error) from None
        finally:
            await self.drop(consumer)

    async def follow(
        self, topic: str, partition: int, start: int, batch: int, *, begins_later: bool = False
    ) -> AsyncGenerator[list[Record], None]:
        """Batches from ``start`` on, without end; over a loss of the brokers too. Raises ``TopicRecordsGoneError``.

        ``begins_later``: what its retention deleted is passed over, for topics that nobody needs the whole of.
        """
        at = TopicPartition(topic, partition)
        async with self.following({at: start}) as following:
            while True:
                try:
                    fetched = await following.getmany(timeout_ms=1000, max_records=batch)
                except OffsetOutOfRangeError:
                    begin = await following.begin(at)
                    if not begins_later or begin <= start:  # else it was made anew, and its offsets mean other records
                        raise
                    _LOG.warning("topic %s, partition %s: what stood at %s to %s is deleted", *at, start, begin - 1)
                    following.seek(at, begin)
                    continue
                for records in fetched.values():
                    if records:
                        start = records[-1].offset + 1
                        yield records

    def _dropped(self, client: _Client) -> asyncio.Task[None] | None:
        """Closes it once, whoever asks; None: it is closed."""
        starting = self._clients.pop(client, None)
        if starting:
            closing = self._closing[client] = asyncio.create_task(_close(client, starting))
            closing.add_done_callback(lambda _: self._closing.pop(client))
        return self._closing.get(client)

    def _producing(self) -> dict[str, object]:
        return {
            **self._brokers.client(),
            "acks": "all",
            "linger_ms": 0,  # 5 ms of linger cost 6.5 ms of a round trip
            "max_batch_size": MAX_BATCH_BYTES,
            "max_request_size": MAX_RECORD_BYTES,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
        }


async def _close(client: _Client, starting: asyncio.Future[None]) -> None:
    await asyncio.wait([starting], timeout=CLOSE_TIMEOUT_S)
    starting.cancel()
    await asyncio.wait([starting])
    if not starting.cancelled():
        starting.exception()  # whoever waited for the start heard of it
    with suppress(KafkaError):  # what was under way failed: its own waiter hears of it
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S if isinstance(client, AIOKafkaConsumer) else CLOSE_TIMEOUT_S):
                await client.stop()
        except TimeoutError:
            _LOG.warning("a client was closed with requests under way: no broker answered them")
            await _give_up(client)


async def _give_up(client: _Client) -> None:
    """Closes what its own way of closing would get to once the brokers have answered."""
    if isinstance(client, PartitionFetcher | PartitionProducer):  # their way of closing waits for nothing
        return
    if isinstance(client, AIOKafkaProducer):
        await client.client.close()
        return
    if isinstance(client._coordinator, GroupCoordinator):
        await client._coordinator._stop_heartbeat_task()
        await client._coordinator._stop_commit_offsets_refresh_task()
    if client._fetcher:
        await client._fetcher.close()
    await client._client.close()


@asynccontextmanager
async def connected(brokers: Brokers) -> AsyncIterator[Connection]:
    connection = Connection(brokers)
    try:
        yield connection
    finally:
        await connection.close()
