"""An idempotent producer of one partition, on aiokafka's client, that writes a batch to its socket at once.

aiokafka's own producer hands a batch to a task, that to another, and so back: eight turns of a loop that may have a dozen
models' streams to read in each. What a caller hears waits behind this append, so here the batch is in the socket when
``send`` returns. Producer id and sequence numbers are those of KIP-98: a broker takes each batch once and none behind a
missing one. One batch is under way at a time, which is the caller's to keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.client import AIOKafkaClient, ConnectionGroup  # type: ignore[import-untyped]
from aiokafka.conn import CloseReason  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    DuplicateSequenceNumber,
    KafkaError,
    LeaderNotAvailableError,
    RequestTimedOutError,
    for_code,
)
from aiokafka.protocol.produce import ProduceRequest  # type: ignore[import-untyped]
from aiokafka.protocol.transaction import InitProducerIdRequest  # type: ignore[import-untyped]
from aiokafka.record.default_records import DefaultRecordBatchBuilder  # type: ignore[import-untyped]

from streams.kafka.brokers import Brokers
from streams.kafka.records import KafkaRecord

PLACE_FORGOTTEN = -1  # the offset of a batch that had landed before, and the broker no longer knows where
_ALL_IN_SYNC = -1
_MAGIC, _UNCOMPRESSED = 2, 0
_SEQUENCES = 2**31
_RETRY_S = 0.1


class Sent(NamedTuple):
    """A batch of so many ``records``. ``answer``: None where it could not be written yet."""

    records: int
    request: ProduceRequest
    answer: asyncio.Future[Any] | None


class PartitionProducer:
    """Start it as a connection does (``Connection.start``). After an error of ``landed`` its sequence numbers are lost: make
    another."""

    def __init__(
        self, brokers: Brokers, topic: str, partition: int, *, request_timeout_ms: int, max_batch_bytes: int
    ) -> None:
        self.client = AIOKafkaClient(**brokers.client(), request_timeout_ms=request_timeout_ms)
        self._at = TopicPartition(topic, partition)
        self._request_timeout_ms, self._max_batch_bytes = request_timeout_ms, max_batch_bytes
        self._producer_id, self._epoch, self._sequence = -1, -1, 0

    async def start(self) -> None:
        """Raises ``KafkaError`` where no broker answers."""
        await self.client.bootstrap()
        await self.client.set_topics([self._at.topic])
        while True:
            try:
                answer = await self.client.send(
                    self.client.get_random_node(), InitProducerIdRequest(None, self._request_timeout_ms)
                )
                if answer.error_code:
                    raise for_code(answer.error_code)()
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                self._producer_id, self._epoch = answer.producer_id, answer.producer_epoch
                break
        if (leader := self._leader()) is not None:  # its connection: the first batch needn't wait for one
            await self.client.ready(leader)

    async def stop(self) -> None:
        await self.client.close()

    def send(self, records: Sequence[KafkaRecord]) -> Sent:
        """Writes as many of the records as one batch holds. ``landed`` is to be awaited for it."""
        count, batch = self._batch(records)
        request = ProduceRequest(
            transactional_id=None,
            required_acks=_ALL_IN_SYNC,
            timeout=self._request_timeout_ms,
            topics=[(self._at.topic, [(self._at.partition, batch)])],
        )
        return Sent(count, request, self._written(request))

    async def landed(self, sent: Sent) -> int:
        """The offset of its first record; ``PLACE_FORGOTTEN``: it had landed before. Tries for as long as it is awaited.

        Raises ``KafkaError`` for what no further try will better.
        """
        answer = sent.answer
        while True:
            try:
                offset = _offset_in(await (answer or self._sent(sent.request)))
            except KafkaError as error:
                if not error.retriable:
                    raise
                answer = None
                await asyncio.sleep(_RETRY_S)
                await self.client.force_metadata_update()
            else:
                self._sequence = (self._sequence + sent.records) % _SEQUENCES
                return offset

    def _batch(self, records: Sequence[KafkaRecord]) -> tuple[int, bytes]:
        builder = DefaultRecordBatchBuilder(
            _MAGIC,
            _UNCOMPRESSED,
            is_transactional=0,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            base_sequence=self._sequence,
            batch_size=self._max_batch_bytes,
        )
        count = 0
        for record in records:
            added = builder.append(
                count, timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
            )
            if added is None:  # full; a first record is taken whatever its size
                break
            count += 1
        return count, bytes(builder.build())

    def _leader(self) -> int | None:
        leader = self.client.cluster.leader_for_partition(self._at)
        return None if leader is None or leader < 0 else int(leader)

    def _written(self, request: ProduceRequest) -> asyncio.Future[Any] | None:
        """None where the leader isn't known or has no open connection."""
        leader = self._leader()
        connection = self.client._conns.get((leader, ConnectionGroup.DEFAULT))
        if leader is None or connection is None or not connection.connected():
            return None
        try:
            waiting = connection.send(request)  # in the socket when this returns
        except KafkaError:
            return None
        return asyncio.ensure_future(self._answered(leader, connection, waiting))

    async def _answered(self, leader: int, connection: Any, waiting: Coroutine[Any, Any, Any]) -> Any:
        with self.client.expecting(leader):
            try:
                return await waiting
            except TimeoutError:  # as aiokafka's client does: the next request gets a new connection
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
                raise RequestTimedOutError from None

    async def _sent(self, request: ProduceRequest) -> Any:
        leader = self._leader()
        if leader is None:
            raise LeaderNotAvailableError
        return await self.client.send(leader, request)


def _offset_in(answer: Any) -> int:
    """Raises ``KafkaError``, as the broker says."""
    ((_, (landed,)),) = answer.topics
    _, code, offset = landed[:3]
    if not code:
        return int(offset)
    error = for_code(code)
    if error is DuplicateSequenceNumber:
        return PLACE_FORGOTTEN
    raise error()
