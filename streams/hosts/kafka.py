"""The Kafka host: a worker that owns its share of the partitions.

The brokers' group assigns, heartbeats notice the dead (``streams.seats``); both only propose when to take over, and the
log's epochs decide (``streams.takeover``). So this host may be wrong about the others at any time and no harm is done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic

from streams.codec import Codec
from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.heartbeats import BEAT_EVERY_S, Heartbeats
from streams.kafka.membership import SESSION_TIMEOUT_MS, Membership
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.rights import of_owners
from streams.kafka.rights_check import check_rights
from streams.kafka.topics import Topics
from streams.kafka.topics_watch import watch_topics
from streams.mind import C, Effects, Mind
from streams.owner import Owner, Stores
from streams.seats import Heartbeat, Seats
from streams.watchdog import Progress

_LOG = logging.getLogger(__name__)

RETRY_S = 0.2  # between two reigns in one partition
SLOWEST_RETRY_S = 2.0  # where one after another can't begin, for the same reason: that is told once
GROUP = "ledgerline-owners"


class KafkaHost(Generic[C]):
    """``async with``: a member of the group while it is entered. Entering returns once all that was assigned is owned, but for
    partitions in which no reign can begin: those are told of, and tried again for ever."""

    def __init__(
        self,
        brokers: Brokers,
        topics: Topics,
        stores: Stores,
        codec: Codec,
        mind: Mind[C],
        make_effects: Callable[[], Effects[C]],
        *,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
    ) -> None:
        self.worker_id = f"worker-{os.getpid()}-{secrets.token_hex(3)}"
        self._stores, self._codec, self._mind, self._make_effects = stores, codec, mind, make_effects
        self._seats = Seats(self.worker_id)
        self._topics = topics
        self._brokers, self._connection = brokers, Connection(brokers)
        self._heartbeats = Heartbeats(self._connection, topics)
        self._membership = self._member(brokers, topics.inbox, f"{topics.prefix}{GROUP}", session_timeout_ms)
        self._was_assigned = asyncio.Event()
        self._owners: dict[int, Owner[C]] = {}  # reigning
        self._owning: dict[int, asyncio.Task[None]] = {}
        self._stuck: set[int] = set()  # no reign could begin there, twice for the same reason
        self._tasks: list[asyncio.Task[None]] = []
        self._inbox_ends: dict[int, PartitionReader] = {}
        self._changed = asyncio.Event()
        self._news = asyncio.Event()  # for the others
        self._closing = False
        self.reigns_lost: list[str] = []

    def _member(self, brokers: Brokers, topic: str, group: str, session_timeout_ms: int) -> Membership:
        return Membership(brokers, topic, group, self._assigned, session_timeout_ms=session_timeout_ms)

    async def __aenter__(self) -> KafkaHost[C]:
        """Raises ``RightsMissingError``, ``KafkaError``."""
        await check_rights(self._brokers, of_owners(self._topics))
        watching = watch_topics(self._connection, self._topics)
        for work in (self._listen(), self._beat(), self._membership.run(), watching):
            self._tasks.append(asyncio.create_task(work))
        try:
            await self._until(self._was_assigned.is_set)
            await self._until(lambda: self._owners.keys() | self._stuck >= self._seats.wanted())
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops owning first, then says so: whoever comes next needn't wait."""
        self._closing = True
        try:
            await _end(list(self._owning.values()))
            await self._heartbeats.send(Heartbeat(self.worker_id, {}, leaving=True))
        finally:
            await _end(self._tasks)
            await self._connection.close()

    @property
    def owned(self) -> frozenset[int]:
        return frozenset(self._owners)

    async def progress(self) -> dict[int, Progress]:
        """How far each partition's owner has come, for a watchdog. Waits while no broker answers."""
        found = {}
        for partition, owner in list(self._owners.items()):
            reader = self._inbox_ends.get(partition)
            if reader is None:
                reader = self._inbox_ends[partition] = PartitionReader(self._connection, self._topics.inbox, partition)
            found[partition] = Progress(owner.inbox_mark, await reader.end() - 1)
        return found

    async def failed(self) -> None:
        """Returns, or raises what went wrong, when the host can't go on."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    # --- what it learns ---

    def _assigned(self, partitions: frozenset[int]) -> None:
        self._seats.assign(partitions)
        self._was_assigned.set()
        self._reconcile()

    async def _listen(self) -> None:
        async for beat in self._heartbeats.follow():
            self._seats.hear(beat)
            self._reconcile()

    async def _beat(self) -> None:
        """Regularly, and at once when what it owns has changed: others must know of it before it may die."""
        regular = True
        while True:
            self._news.clear()
            epochs = dict.fromkeys(self._owning, 0) | {p: owner.epoch for p, owner in self._owners.items()}
            await self._heartbeats.send(Heartbeat(self.worker_id, epochs, regular))
            regular = True
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_EVERY_S):
                    await self._news.wait()
                    regular = False

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Raises what ends one of the host's tasks meanwhile."""
        while not holds():
            self._changed.clear()
            waiting = asyncio.create_task(self._changed.wait())
            try:
                done, _ = await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            for task in done - {waiting}:
                task.result()

    # --- what it does about it ---

    def _reconcile(self) -> None:
        if self._closing:
            return
        wanted = self._seats.wanted()
        for partition in wanted - self._owning.keys():
            task = asyncio.create_task(self._own(partition))
            self._owning[partition] = task
            self._news.set()
            task.add_done_callback(partial(self._ended, partition))
        for partition in self._owning.keys() - wanted:
            _cancel_once(self._owning[partition])
        self._changed.set()

    def _ended(self, partition: int, task: asyncio.Task[None]) -> None:
        if self._owning.get(partition) is task:
            del self._owning[partition]
        if not task.cancelled() and task.exception():
            _LOG.error("partition %s: its owner failed", partition, exc_info=task.exception())
            asyncio.get_running_loop().call_later(RETRY_S, self._reconcile)  # it may fail again, and at once
            return
        self._reconcile()

    async def _own(self, partition: int) -> None:
        """One reign after another, for as long as the partition is wanted."""
        pause_s, told = RETRY_S, ""
        while partition in self._seats.wanted():
            owner = Owner(
                partition,
                self._stores,
                self._codec,
                self._mind,
                self._make_effects(),
                owner_id=f"{self.worker_id}-{partition}",
            )
            try:
                why = await owner.run(partial(self._reigns, owner))
            finally:
                reigned = self._owners.pop(partition, None) is not None
                self._seats.ended(partition, owner.superseded_by)
            self.reigns_lost.append(why)
            if reigned or why != told:
                _LOG.warning("partition %s: the reign ended (%s)", partition, why)
                pause_s, told = RETRY_S, why
            else:
                pause_s = min(2 * pause_s, SLOWEST_RETRY_S)
                self._stuck.add(partition)
                self._changed.set()
            await asyncio.sleep(pause_s)

    def _reigns(self, owner: Owner[C]) -> None:
        self._owners[owner.partition] = owner
        self._stuck.discard(owner.partition)
        self._seats.reign(owner.partition, owner.epoch)
        self._changed.set()
        self._news.set()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        _cancel_once(task)
    await asyncio.gather(*tasks, return_exceptions=True)


def _cancel_once(task: asyncio.Task[None]) -> None:
    """A second time would cancel what it does to end in good order."""
    if not task.cancelling():
        task.cancel()
