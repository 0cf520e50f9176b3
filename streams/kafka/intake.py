"""The intake on a topic of its own, keyed by the sender's id of each message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.intake import IntakeUnavailableError, Received, TakenIn, data_key_of, key_of, seal, source_and_id, unseal
from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record, conversation_of
from streams.kafka.topics import Topics
from streams.keys import KeyStore
from streams.partitioner import partition_of

BATCH = 100
PUT_TIMEOUT_S = 10.0
_RECEIVED_AT = "ledgerline-received-at-us"


class KafkaIntake:
    """A message that was put twice stands there twice. What is no message of ours is passed over."""

    def __init__(
        self, connection: Connection, topics: Topics, keys: KeyStore, *, put_timeout_s: float = PUT_TIMEOUT_S
    ) -> None:
        self._connection, self._topic, self.partitions = connection, topics.intake, topics.partitions
        self._keys, self._put_timeout_s = keys, put_timeout_s

    async def put(self, message: Received) -> None:
        key = key_of(message.source, message.id)
        sealed = await seal(message, self._keys)
        headers = [(_RECEIVED_AT, str(time.time_ns() // 1000).encode())]
        try:
            async with asyncio.timeout(self._put_timeout_s):
                producer = await self._connection.shared_producer()
                await producer.send_and_wait(
                    self._topic,
                    sealed,
                    key=key.encode(),
                    partition=partition_of(key, self.partitions),
                    headers=headers,
                )
        except TimeoutError:
            raise IntakeUnavailableError(f"no broker acknowledged the message in {self._put_timeout_s:g} s") from None
        except KafkaError as error:
            raise IntakeUnavailableError(f"the brokers took nothing: {error}") from None

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[TakenIn]]:
        following = self._connection.follow(self._topic, partition, after + 1, BATCH)
        try:
            async for records in following:
                if taken := await self._taken_in(records):
                    yield taken
        finally:
            await following.aclose()

    async def read(self) -> AsyncIterator[list[TakenIn]]:
        for partition in range(self.partitions):
            reader, start = PartitionReader(self._connection, self._topic, partition), 0
            while records := await reader.read(start, BATCH):
                start = records[-1].offset + 1
                if taken := await self._taken_in(records):
                    yield taken

    async def _taken_in(self, records: Sequence[Record]) -> list[TakenIn]:
        await self._keys.prepare([data_key_of(conversation_of(record.key)) for record in records])
        return [found for record in records if (found := await self._taken(record))]

    async def _taken(self, record: Record) -> TakenIn | None:
        key = conversation_of(record.key)
        try:
            source, message_id = source_and_id(key)
            received_at_us = int(dict(record.headers)[_RECEIVED_AT])
        except (ValueError, KeyError):
            return None
        message = await unseal(key, record.value or b"", self._keys)
        return TakenIn(record.partition, record.offset, source, message_id, received_at_us, message)
