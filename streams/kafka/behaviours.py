"""The behaviour stream on a topic of one partition.

Two processes may record the same version at once: it then stands there twice, and the first counts. A version's seq is
its rank among first occurrences, so every reader counts the same, and seqs have no gaps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from threading import Thread
from typing import Any, TypeVar

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.behaviours import BehaviourMissingError
from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.topics import BrokerUnreachableError, Topics

T = TypeVar("T")

TIMEOUT_S = 10.0
_BATCH = 100


class KafkaBehaviours:
    """Its callers don't await: its clients run on a loop of their own in a thread of their own, and a call blocks for
    a few milliseconds, once a version and process. All versions are kept in memory. ``close`` it. ``kind``: ``behaviour``
    or ``knowledge``, two topics of the same shape.
    """

    def __init__(
        self, brokers: Brokers, topics: Topics, kind: str = "behaviour", *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.kind = kind
        self._topic = topics.knowledge if kind == "knowledge" else topics.behaviour
        self._timeout_s = timeout_s
        self._connection = Connection(brokers)
        self._reader = PartitionReader(self._connection, self._topic, 0)
        self._versions: list[tuple[str, bytes, int]] = []  # (hash, content, when in us) by seq, from 1
        self._seqs: dict[str, int] = {}
        self._next = 0
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="behaviours", daemon=True)
        self._thread.start()

    def record(self, content_hash: str, content: bytes) -> int:
        """Raises ``BrokerUnreachableError``: trying again is safe."""
        return self.record_many([(content_hash, content)])[0]

    def record_many(self, versions: Sequence[tuple[str, bytes]]) -> list[int]:
        """Raises ``BrokerUnreachableError``: trying again is safe."""
        if any(content_hash not in self._seqs for content_hash, _ in versions):
            try:
                self._run(self._record(versions))
            except (KafkaError, TimeoutError) as error:
                reason = str(error) or "no broker answered"
                raise BrokerUnreachableError(f"the {self.kind} was not recorded: {reason}") from None
        return [self._seqs[content_hash] for content_hash, _ in versions]

    def get(self, seq: int, content_hash: str) -> bytes:
        found = self._find(seq, content_hash)
        if found is None:
            try:
                self._run(self._catch_up())
                found = self._find(seq, content_hash)
                if found is None:  # whoever pins a version recorded it before
                    self._run(self._catch_up_in_doubt())
            except TimeoutError:
                raise BehaviourMissingError(f"{self.kind} {seq} can't be read: no broker answered") from None
            found = self._find(seq, content_hash)
        if found is None:
            raise BehaviourMissingError(f"{self.kind} {seq} ({content_hash[:12]}) isn't recorded in this log")
        return found

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._connection.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _find(self, seq: int, content_hash: str) -> bytes | None:
        if not 0 < seq <= len(self._versions):
            return None
        recorded, content, _ = self._versions[seq - 1]
        return content if recorded == content_hash else None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises ``TimeoutError``."""

        async def in_time() -> T:
            async with asyncio.timeout(self._timeout_s):
                return await work

        return asyncio.run_coroutine_threadsafe(in_time(), self._loop).result()

    async def _record(self, versions: Sequence[tuple[str, bytes]]) -> None:
        await self._catch_up()
        new = {content_hash: content for content_hash, content in versions if content_hash not in self._seqs}
        if new:
            producer = await self._connection.shared_producer()
            sent = [
                await producer.send(self._topic, content, key=content_hash.encode(), partition=0)
                for content_hash, content in new.items()
            ]
            landed = await asyncio.gather(*sent)
            self._reader.reaches(max(each.offset for each in landed) + 1)
            await self._catch_up()

    async def _catch_up_in_doubt(self) -> None:
        await self._reader.doubt()
        await self._catch_up()

    async def _catch_up(self) -> None:
        while records := await self._reader.read(self._next, _BATCH):
            for record in records:
                self._next = record.offset + 1
                if not record.key or record.value is None:
                    continue  # none of ours
                content_hash = record.key.decode(errors="replace")
                if content_hash not in self._seqs:
                    self._versions.append((content_hash, record.value, record.timestamp * 1000))
                    self._seqs[content_hash] = len(self._versions)
