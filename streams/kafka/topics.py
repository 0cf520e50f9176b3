"""The topics of a log, created explicitly: a broker's defaults would give the wrong number of partitions for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from streams.kafka.admin import administering, described
from streams.kafka.brokers import Brokers
from streams.kafka.errors import BrokerUnreachableError as BrokerUnreachableError
from streams.kafka.errors import TopicMismatchError as TopicMismatchError
from streams.kafka.rights import Operation, in_words
from streams.kafka.url import PARTITIONS as PARTITIONS

FOREVER = "-1"
HOUR_MS = str(3600 * 1000)
WEEK_MS = str(7 * 24 * 3600 * 1000)
READY_TIMEOUT_S = 15.0
_Wanted: TypeAlias = dict[str, tuple[int, dict[str, str]]]
_MOST_IN_SYNC = 2  # of three replicas: one broker may be down, and what is acknowledged still stands on two


class Topics(NamedTuple):
    """Names, under ``prefix``: another one is another log on the same brokers. Inbox and log have ``partitions`` each."""

    partitions: int = PARTITIONS
    prefix: str = ""

    @property
    def inbox(self) -> str:
        return f"{self.prefix}support.conversation.inbox.v1"

    @property
    def log(self) -> str:
        return f"{self.prefix}support.conversation.v1"

    @property
    def state(self) -> str:
        return f"{self.prefix}support.conversation.state.v1"

    @property
    def snapshot(self) -> str:
        return f"{self.prefix}support.conversation.snapshot.v1"

    @property
    def dead_letters(self) -> str:
        return f"{self.prefix}support.dead-letters.v1"

    @property
    def behaviour(self) -> str:
        return f"{self.prefix}support.behaviour.v1"

    @property
    def knowledge(self) -> str:
        return f"{self.prefix}support.knowledge.v1"

    @property
    def intake(self) -> str:
        return f"{self.prefix}support.intake.v1"

    @property
    def workers(self) -> str:
        return f"{self.prefix}support.workers.v1"

    def configured(self) -> _Wanted:
        """topic → (partitions, its settings). History is never compacted; only the newest state counts."""
        history = {"cleanup.policy": "delete", "retention.ms": FOREVER, "retention.bytes": FOREVER}
        newest = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
        return {
            self.inbox: (self.partitions, history | {"retention.ms": WEEK_MS}),  # what is taken stands on the log
            self.log: (self.partitions, history),
            self.state: (self.partitions, newest),
            self.snapshot: (self.partitions, newest),
            self.dead_letters: (1, history),
            self.behaviour: (1, history),
            self.knowledge: (1, history),
            self.intake: (self.partitions, history),
            self.workers: (1, history | {"retention.ms": HOUR_MS, "segment.ms": HOUR_MS}),  # only the last beats count
        }


async def create_topics(brokers: Brokers, topics: Topics, *, replication: int = 1) -> None:
    """Creates what is missing; returns when every partition has a leader.

    Raises ``BrokerUnreachableError``, ``TopicMismatchError``, ``RightsMissingError``, ``KafkaError`` where the brokers
    refuse.
    """
    async with administering(brokers) as admin:
        wanted = topics.configured()
        in_sync = {"min.insync.replicas": str(min(_MOST_IN_SYNC, replication))}
        missing = await _missing(admin, brokers, wanted)
        if missing:
            created = await admin.create_topics(
                [
                    NewTopic(name, wanted[name][0], replication, topic_configs=wanted[name][1] | in_sync)
                    for name in sorted(missing)
                ]
            )
            for name, code, *rest in created.topic_errors:
                refusal = for_code(code)
                if refusal not in (NoError, TopicAlreadyExistsError):  # exists: another process was faster
                    failure = refusal(f"{name}: {rest[0] if rest else ''}")
                    raise in_words(refusal(name), brokers.security, Operation.CREATE) or failure
        await _until_ready(admin, brokers, wanted)


async def topics_exist(brokers: Brokers, topics: Topics) -> bool:
    """Raises ``BrokerUnreachableError``, ``RightsMissingError``."""
    async with administering(brokers) as admin:
        return not await _missing(admin, brokers, [topics.log])


async def _missing(admin: AIOKafkaAdminClient, brokers: Brokers, names: Iterable[str]) -> list[str]:
    codes = {found["topic"]: for_code(found["error_code"]) for found in await described(admin, brokers, names)}
    return [name for name, code in codes.items() if code is UnknownTopicOrPartitionError]


async def _until_ready(admin: AIOKafkaAdminClient, brokers: Brokers, wanted: _Wanted) -> None:
    async with asyncio.timeout(READY_TIMEOUT_S):
        while True:
            if await _ready(admin, brokers, wanted):
                return
            await asyncio.sleep(0.02)


async def _ready(admin: AIOKafkaAdminClient, brokers: Brokers, wanted: _Wanted) -> bool:
    for found in await described(admin, brokers, wanted):
        name, partitions = found["topic"], found["partitions"]
        if found["error_code"] or any(p["leader"] < 0 for p in partitions):
            return False
        expected = wanted[name][0]
        if len(partitions) != expected:
            raise TopicMismatchError(f"topic {name} has {len(partitions)} partitions, expected {expected}")
    return True
