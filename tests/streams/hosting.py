"""Both Kafka hosts, in this process and in others, over one log; and what its readers see of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from broker import ADDRESS, bootstrap
from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind, eventually

from schemas.base import Fact, Kind
from schemas.event import GENESIS, Event
from schemas.facts import KeyPressed
from streams.effective import EffectiveReader
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.faust import FaustHost
from streams.hosts.kafka import GROUP, KafkaHost
from streams.kafka.brokers import Brokers
from streams.kafka.log import opened
from streams.kafka.topics import Topics
from streams.owner import Stores
from streams.partitioner import partition_of

HOSTS: dict[str, type[KafkaHost[Any]]] = {"aiokafka": KafkaHost, "faust": FaustHost}
PARTITIONS = 4
SESSION_TIMEOUT_MS = 1_500
PRESSED = KeyPressed(key="2")
_PROCESS = Path(__file__).with_name("host_process.py")


class Read(NamedTuple):
    events: list[Event]  # effective ones
    void: int


@dataclass
class Hosted:
    """A log, and workers of one kind over it."""

    host: str
    data: DataDirectory
    topics: Topics
    brokers: Brokers = field(default_factory=bootstrap)

    @asynccontextmanager
    async def worker(self, session_timeout_ms: int = SESSION_TIMEOUT_MS) -> AsyncIterator[KafkaHost[Any]]:
        async with opened(self.brokers, self.topics) as stores:
            make = HOSTS[self.host]
            host = make(
                self.brokers,
                self.topics,
                stores,
                self.data.codec,
                TallyMind(),
                NoEffects,
                session_timeout_ms=session_timeout_ms,
            )
            async with host:
                yield host

    @asynccontextmanager
    async def worker_process(self) -> AsyncIterator[Process]:
        """Entered once it owns what was assigned to it."""
        arguments = [self.host, self.topics.prefix, str(self.topics.partitions), str(self.data.path)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(_PROCESS), *arguments, stdout=PIPE, env=os.environ | {ADDRESS: str(bootstrap())}
        )
        try:
            await told(process, "owns")
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]  # its pipe would be closed by the collector

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Stores]:
        async with opened(self.brokers, self.topics) as stores:
            yield stores

    async def put(self, stores: Stores, event_ids: Iterable[str], payload: Fact = PRESSED) -> None:
        """One fact for each id, spread over conversations on every partition."""
        writer = FactWriter(stores.inbox, self.data.codec)
        names = conversations(self.topics.partitions)
        for number, event_id in enumerate(event_ids):
            await writer.put(fact_event(names[number % len(names)], payload, event_id=event_id))

    async def until(self, stores: Stores, event_ids: Collection[str]) -> Read:
        """Everything on the log, once these are effective."""
        log = _Log(self, stores)

        async def look() -> Read | None:
            read = await log.read()
            return read if {event.event_id for event in read.events} >= set(event_ids) else None

        return await eventually(look)

    async def is_alone_in_group(self) -> bool:
        """Whether the brokers know of one worker only."""
        admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
        await admin.start()
        try:
            (described,) = await admin.describe_consumer_groups([f"{self.topics.prefix}{GROUP}"])
            return len(described.groups[0][5]) == 1
        finally:
            await admin.close()

    async def read(self, stores: Stores) -> Read:
        return await _Log(self, stores).read()


async def told(process: Process, word: str) -> None:
    """Returns once it has printed the line."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await process.stdout.readline() == f"{word}\n".encode()


class _Log:
    """All partitions, read on from where the last reading ended."""

    def __init__(self, hosted: Hosted, stores: Stores) -> None:
        self._ledger, self._codec = stores.ledger, hosted.data.codec
        self._readers = {partition: EffectiveReader() for partition in range(hosted.topics.partitions)}
        self._next = dict.fromkeys(self._readers, 0)
        self._events: list[Event] = []

    async def read(self) -> Read:
        for partition, reader in self._readers.items():
            while records := await self._ledger.read(partition, self._next[partition]):
                for record in records:
                    self._events.extend(reader.feed(record, self._codec.decode(record.body)))
                self._next[partition] = records[-1].offset + 1
        return Read(self._events, sum(reader.void for reader in self._readers.values()))


def conversations(partitions: int, each: int = 2) -> list[str]:
    """So many of each partition, one partition after the other."""
    found: dict[int, list[str]] = {partition: [] for partition in range(partitions)}
    number = 0
    while any(len(names) < each for names in found.values()):
        name = f"c{number}"
        names = found[partition_of(name, partitions)]
        if len(names) < each:
            names.append(name)
        number += 1
    return [names[i] for i in range(each) for names in found.values()]


def assert_sound(read: Read, facts: Collection[str]) -> None:
    """Each of these facts took effect exactly once, and every conversation is a whole chain."""
    counted = Counter(event.event_id for event in read.events if event.kind is Kind.FACT)
    assert {fact: counted[fact] for fact in facts} == dict.fromkeys(facts, 1)
    for conversation_id in {event.conversation_id for event in read.events}:
        ours = [event for event in read.events if event.conversation_id == conversation_id]
        assert [event.seq for event in ours] == list(range(1, len(ours) + 1))
        assert [event.prev_hash for event in ours] == [GENESIS, *(event.hash for event in ours[:-1])]
