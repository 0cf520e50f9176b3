"""Reads stretches of one partition on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import OffsetOutOfRangeError  # type: ignore[import-untyped]

from streams.kafka.connection import Connection
from streams.kafka.fetched import Fetched
from streams.kafka.gone import TopicRecordsGoneError
from streams.kafka.partition_fetcher import EARLIEST, PartitionFetcher
from streams.kafka.records import StampedRecord
from streams.ports import LogRecord

R = TypeVar("R")

_EVERYTHING_FETCHED = 1 << 62


class PartitionReader:
    """Fetches nothing that nobody asked for, and keeps what was fetched beyond what was asked for.

    Reads wait while no broker answers: who can't wait sets a timeout.
    """

    def __init__(self, connection: Connection, topic: str, partition: int) -> None:
        self._connection = connection
        self.at = TopicPartition(topic, partition)
        self._fetcher: PartitionFetcher | None = None
        self._fetched: Fetched | None = None
        self._end = 0  # as far as it is known: who reads from far below needn't ask
        self._lock = asyncio.Lock()

    async def end(self, known: int = 0) -> int:
        """The offset that the next record will have. ``known``: that the log had reached, as this process knows otherwise.

        It doesn't go back where a broker is asked that hasn't heard yet that another leads.
        """
        async with self._lock:
            self._end = await (await self._opened()).end(max(known, self._end))
            return self._end

    async def doubt(self) -> None:
        """Something has to be there that wasn't: who leads is asked of all brokers."""
        async with self._lock:
            await (await self._opened()).client.ask_all_who_leads()

    def reaches(self, end: int) -> None:
        """An append was acknowledged just before ``end``."""
        self._end = end

    async def begin(self) -> int:
        """The first offset that the topic still holds."""
        async with self._lock:
            return await (await self._opened()).offset(EARLIEST)

    async def read(self, start: int, limit: int, *, until: int | None = None) -> list[StampedRecord]:
        """Records of [``start``, ``until``), up to ``limit``; ``until``: where the log ends, where it is None.

        Raises ``TopicRecordsGoneError`` where the topic no longer holds ``start``.
        """
        return await self._read(start, limit, until, Fetched.records)

    async def read_log(self, start: int, limit: int, *, until: int | None = None) -> list[LogRecord]:
        """The same, as records of the log, which costs less than to make them of the others."""
        return await self._read(start, limit, until, Fetched.log_records)

    async def _read(
        self, start: int, limit: int, until: int | None, taken: Callable[[Fetched, int, int], list[R]]
    ) -> list[R]:
        async with self._lock:
            fetcher = await self._opened()
            fetched, self._fetched = self._fetched, None  # nothing is kept of a read that is cancelled half-way
            if fetched is None or fetched.position != start:
                fetched = Fetched(self.at.partition, b"", start)
            bound = _EVERYTHING_FETCHED if until is None else until
            found = taken(fetched, bound, limit)
            stop, is_last = (self._end, False) if until is None else (until, True)
            while len(found) < limit:
                start = fetched.position
                if start < stop:
                    fetched = await self._fetch(fetcher, start)
                    found += taken(fetched, bound, limit - len(found))
                    if fetched.position > start:
                        continue
                    self._end = await fetcher.end(stop)  # who leads hasn't heard of what stands there?
                    stop = self._end if until is None else until
                elif is_last:
                    break
                else:
                    stop, is_last = await fetcher.end(self._end), True
                    self._end = stop
            self._fetched = fetched
            return found

    async def _fetch(self, fetcher: PartitionFetcher, position: int) -> Fetched:
        """Raises ``TopicRecordsGoneError``, unless a broker only hasn't heard yet of what stands there."""
        while True:
            try:
                return Fetched(self.at.partition, await fetcher.fetch(position), position)
            except OffsetOutOfRangeError as error:
                if not await fetcher.offset(EARLIEST) <= position <= await fetcher.end(position):
                    raise TopicRecordsGoneError(error) from None

    async def _opened(self) -> PartitionFetcher:
        if self._fetcher is None:
            self._fetcher = await self._connection.fetcher(self.at.topic, self.at.partition)
        return self._fetcher
