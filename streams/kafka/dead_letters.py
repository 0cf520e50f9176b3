"""Dead letters on a topic of their own: the value is the refused record's value as it was, headers say why."""

from __future__ import annotations

import asyncio

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record, conversation_of, frame, unframe
from streams.kafka.schema_ids import SchemaIds, lock_file_ids
from streams.kafka.topics import Topics
from streams.ports import AppendUnknownError, DeadLetter

PUT_TIMEOUT_S = 10.0
_TOPIC, _PARTITION = "ledgerline-dead-topic", "ledgerline-dead-partition"
_OFFSET, _REASON = "ledgerline-dead-offset", "ledgerline-dead-reason"
_BATCH = 1000


class KafkaDeadLetters:
    """A letter that was put twice stands twice in the topic; readers keep the first."""

    def __init__(self, connection: Connection, topics: Topics, ids: SchemaIds | None = None) -> None:
        """``ids``: the lock file's where there are none."""
        self._connection, self._topic, self._ids = connection, topics.dead_letters, ids or lock_file_ids()
        self._reader = PartitionReader(connection, topics.dead_letters, 0)

    async def put(self, letter: DeadLetter) -> None:
        """Raises ``AppendUnknownError``."""
        headers = [
            (_TOPIC, letter.topic.encode()),
            (_PARTITION, str(letter.partition).encode()),
            (_OFFSET, str(letter.offset).encode()),
            (_REASON, letter.reason.encode()),
        ]
        key = letter.conversation_id.encode() or None
        try:
            async with asyncio.timeout(PUT_TIMEOUT_S):
                producer = await self._connection.shared_producer()
                value = frame(letter.body, self._ids)
                await producer.send_and_wait(self._topic, value, key=key, partition=0, headers=headers)
        except TimeoutError:
            raise AppendUnknownError(f"no broker acknowledged a dead letter in {PUT_TIMEOUT_S:g} s") from None
        except KafkaError as error:
            raise AppendUnknownError(f"the dead letters took nothing: {error}") from None

    async def read(self) -> list[DeadLetter]:
        found: dict[tuple[str, int, int], DeadLetter] = {}
        start = 0
        while records := await self._reader.read(start, _BATCH):
            for letter in map(_letter, records):
                if letter:
                    found.setdefault((letter.topic, letter.partition, letter.offset), letter)
            start = records[-1].offset + 1
        return [found[place] for place in sorted(found)]


def _letter(record: Record) -> DeadLetter | None:
    """None for a record that is none of ours."""
    headers = dict(record.headers)
    try:
        topic, reason = headers[_TOPIC].decode(), headers[_REASON].decode()
        partition, offset = int(headers[_PARTITION]), int(headers[_OFFSET])
    except (KeyError, ValueError):
        return None
    return DeadLetter(topic, partition, offset, conversation_of(record.key), reason, unframe(record.value))
