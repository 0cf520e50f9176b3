"""The inbox as Faust delivers it: each record once, in order, whatever Faust does.

Faust's stream begins where its consumer happens to stand, and stops while a group rebalances. So a follower begins on
the log itself, and leaves it once Faust delivers the records that come next; at a gap, or when its partition is taken
from Faust's consumer, it goes back to the log. Faust's offsets decide nothing, so none are committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection

from streams.codec import Body
from streams.ports import Inbox, InboxRecord

MAX_READY = 2_000  # records that a follower holds; the rest stands on the log
IN_REACH = 100  # records that Faust may lie behind what was read, to be followed again


class FaustInbox:
    """An ``Inbox``: facts are put to ``log``, and followed there and by what is offered."""

    def __init__(self, log: Inbox) -> None:
        self._log = log
        self.partitions = log.partitions
        self._assigned: frozenset[int] = frozenset()
        self._followed: dict[int, _Followed] = {}

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        await self._log.put(conversation_id, event_id, body)

    async def follow(self, partition: int, after: int) -> AsyncIterator[list[InboxRecord]]:
        """One follower a partition at a time: its owner."""
        followed = self._followed[partition] = _Followed(self._log, partition, after + 1)
        followed.read_log()
        try:
            while True:
                yield await followed.take()
        finally:
            if self._followed.get(partition) is followed:
                del self._followed[partition]
            await followed.close()

    def assigned(self, partitions: Collection[int]) -> None:
        """To Faust's consumer. What was missed meanwhile comes from the log."""
        self._assigned = frozenset(partitions)
        for followed in self._followed.values():
            followed.read_log()

    def revoked(self) -> None:
        """A rebalance began: Faust delivers nothing until it is over."""
        self.assigned(())

    def offer(self, record: InboxRecord) -> None:
        """What Faust delivers."""
        followed = self._followed.get(record.partition)
        if followed is not None and record.partition in self._assigned:
            followed.offer(record)

    @property
    def from_faust(self) -> frozenset[int]:
        """The partitions whose records come from Faust's stream now."""
        return frozenset(partition for partition, followed in self._followed.items() if not followed.reads_log)


class _Followed:
    """Merges what Faust offers with what is read from the log, by offset. ``next``: the offset that is taken next."""

    def __init__(self, log: Inbox, partition: int, first: int) -> None:
        self._log, self._partition, self.next = log, partition, first
        self._ready: list[InboxRecord] = []
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._left: set[asyncio.Task[None]] = set()  # readings that are being closed

    @property
    def reads_log(self) -> bool:
        return self._reading is not None

    def read_log(self) -> None:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(lambda _: self._news.set())

    def offer(self, record: InboxRecord) -> None:
        if record.offset > self.next or len(self._ready) >= MAX_READY:
            self.read_log()
            return
        if record.offset == self.next:
            self._add([record])
        if record.offset >= self.next - IN_REACH:
            self._leave_log()

    async def take(self) -> list[InboxRecord]:
        """Raises what ended the reading of the log."""
        while not self._ready:
            if self._reading and self._reading.done():
                self._reading.result()
            self._news.clear()
            await self._news.wait()
        taken, self._ready = self._ready, []
        self._room.set()
        return taken

    async def close(self) -> None:
        self._leave_log()
        await asyncio.gather(*self._left, return_exceptions=True)

    def _leave_log(self) -> None:
        if self._reading and not self._reading.done():
            self._reading.cancel()
            self._left.add(self._reading)
            self._reading.add_done_callback(self._left.discard)
            self._reading = None

    async def _read(self) -> None:
        following = self._log.follow(self._partition, self.next - 1)
        try:
            async for records in following:
                self._add(records)
                while len(self._ready) >= MAX_READY:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if isinstance(following, AsyncGenerator):
                await following.aclose()

    def _add(self, records: list[InboxRecord]) -> None:
        if records:
            self._ready.extend(records)
            self.next = records[-1].offset + 1
            self._news.set()
