"""Dead letters on a topic of their own: the value is the refused record's value as it was, headers say why.

A record can't be emptied later, and what nobody could read may hold words in the clear. So the value is sealed under the
key of the conversation that the record names: it is gone with that key. Where there is no such key the bytes stand as they
came, and the letter is not ``is_sealed``.
"""

from __future__ import annotations

import asyncio

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record, conversation_of, frame, unframe
from streams.kafka.schema_ids import SchemaIds, lock_file_ids
from streams.kafka.topics import Topics
from streams.keys import DataKey, KeyMissingError, KeyStore, KeysUnavailableError
from streams.ports import AppendUnknownError, DeadLetter

PUT_TIMEOUT_S = 10.0
_TOPIC, _PARTITION = "ledgerline-dead-topic", "ledgerline-dead-partition"
_OFFSET, _REASON = "ledgerline-dead-offset", "ledgerline-dead-reason"
_SEALED_BY = "ledgerline-dead-sealed-by"  # id of the key
_BATCH = 1000


class KafkaDeadLetters:
    """A letter that was put twice stands twice in the topic; readers keep the first."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        ids: SchemaIds | None = None,
        keys: KeyStore | None = None,
    ) -> None:
        """``ids``: the lock file's where there are none. ``keys``: without, letters are neither sealed nor opened."""
        self._connection, self._topic, self._ids = connection, topics.dead_letters, ids or lock_file_ids()
        self._keys = keys
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
        value, sealed_by = frame(letter.body, self._ids), await self._key_of(letter.conversation_id)
        if sealed_by is not None:
            value = sealed_by.encrypt(value, _context(letter))
            headers.append((_SEALED_BY, sealed_by.key_id.encode()))
        try:
            async with asyncio.timeout(PUT_TIMEOUT_S):
                producer = await self._connection.shared_producer()
                await producer.send_and_wait(self._topic, value, key=key, partition=0, headers=headers)
        except TimeoutError:
            raise AppendUnknownError(f"no broker acknowledged a dead letter in {PUT_TIMEOUT_S:g} s") from None
        except KafkaError as error:
            raise AppendUnknownError(f"the dead letters took nothing: {error}") from None

    async def read(self) -> list[DeadLetter]:
        found: dict[tuple[str, int, int], DeadLetter] = {}
        start = 0
        while records := await self._reader.read(start, _BATCH):
            for record in records:
                if letter := await self._letter(record):
                    found.setdefault((letter.topic, letter.partition, letter.offset), letter)
            start = records[-1].offset + 1
        return [found[place] for place in sorted(found)]

    async def _letter(self, record: Record) -> DeadLetter | None:
        """None for a record that is none of ours. One whose key was destroyed holds nothing."""
        letter = _as_it_stands(record)
        if letter is None or not letter.is_sealed:
            return letter
        key = await self._key_of(letter.conversation_id)
        try:
            value = key.decrypt(record.value or b"", _context(letter)) if key else b""
        except KeyMissingError:
            value = b""
        return letter._replace(body=unframe(value))

    async def _key_of(self, conversation_id: str) -> DataKey | None:
        """None too while the key service can't be asked: a letter is put all the same, for nothing may stop a partition."""
        if self._keys is None or not conversation_id:
            return None
        try:
            await self._keys.prepare([conversation_id])
            return self._keys.get(conversation_id)
        except KeysUnavailableError:
            return None


def _context(letter: DeadLetter) -> bytes:
    return f"dead letter {letter.topic}/{letter.partition}/{letter.offset}".encode()


def _as_it_stands(record: Record) -> DeadLetter | None:
    headers = dict(record.headers)
    try:
        topic, reason = headers[_TOPIC].decode(), headers[_REASON].decode()
        partition, offset = int(headers[_PARTITION]), int(headers[_OFFSET])
    except (KeyError, ValueError):
        return None
    body = unframe(record.value)
    return DeadLetter(topic, partition, offset, conversation_of(record.key), reason, body, _SEALED_BY in headers)
