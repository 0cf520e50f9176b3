"""Membership in a group of the brokers, which assigns the inbox's partitions to the workers that are in it.

Only the assignment is used: the consumer is paused and reads nothing, owners follow their partitions by themselves. A
rebalance doesn't stop an owner: what stays assigned goes on through it, what moves is taken by its new owner's epoch.

Members are dynamic: one that stops says so and its partitions move at once (aiokafka's static members never leave).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition  # type: ignore[import-untyped]
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (  # type: ignore[import-untyped]
    StickyPartitionAssignor,
)
from aiokafka.errors import (  # type: ignore[import-untyped]
    GroupAuthorizationFailedError,
    InvalidSessionTimeoutError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.kafka.brokers import Brokers
from streams.kafka.connection import REQUEST_TIMEOUT_MS, connected

_LOG = logging.getLogger(__name__)

SESSION_TIMEOUT_MS = 3_000
STOCK_SESSION_TIMEOUT_MS = 6_000  # the least that a broker with stock settings (group.min.session.timeout.ms) takes
REBALANCE_TIMEOUT_MS = 10_000  # how long a rebalance waits for a member that doesn't answer
HEARTBEAT_MS = 300  # to the group's coordinator: by the answer a member learns that others came or went
RETRY_S = 0.5
_POLL_MS = 1_000


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self,
        brokers: Brokers,
        topic: str,
        group: str,
        on_assigned: Callable[[frozenset[int]], None],
        *,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
    ) -> None:
        """``on_assigned``: told each time all that is assigned to this member."""
        self._brokers, self._topic, self._group = brokers, topic, group
        self._on_assigned = on_assigned
        self.session_timeout_ms = session_timeout_ms
        # aiokafka keeps what was assigned last on the class: a class of its own for each member of this process
        self._assignor = type("StickyAssignor", (StickyPartitionAssignor,), {})
        self._consumer: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Stays in the group until it is cancelled, over a loss of the brokers too; then leaves it.

        Raises ``KafkaError`` where the brokers don't let it in.
        """
        while True:
            try:
                await self._stay()
            except InvalidSessionTimeoutError:
                if self.session_timeout_ms >= STOCK_SESSION_TIMEOUT_MS:
                    raise
                _LOG.warning(
                    "the brokers refuse a session time-out of %d ms: %d ms it is (group.min.session.timeout.ms is theirs)",
                    self.session_timeout_ms,
                    STOCK_SESSION_TIMEOUT_MS,
                )
                self.session_timeout_ms = STOCK_SESSION_TIMEOUT_MS
            except (GroupAuthorizationFailedError, TopicAuthorizationFailedError):
                raise  # no try betters it
            except KafkaError as error:
                _LOG.warning("out of the group %s (%s); joining again", self._group, type(error).__name__)
                await asyncio.sleep(RETRY_S)

    async def _stay(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._brokers.client(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            request_timeout_ms=REBALANCE_TIMEOUT_MS + REQUEST_TIMEOUT_MS,  # an answer may wait for a rebalance
            session_timeout_ms=self.session_timeout_ms,
            heartbeat_interval_ms=min(HEARTBEAT_MS, self.session_timeout_ms // 3),
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=REBALANCE_TIMEOUT_MS,
            partition_assignment_strategy=[self._assignor],
        )
        self._consumer = consumer
        consumer.subscribe([self._topic], listener=self)
        async with connected(self._brokers) as connection:
            try:
                await connection.start(consumer)
                while True:
                    await consumer.getmany(timeout_ms=_POLL_MS)
            finally:
                self._consumer = None

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing: until the rebalance is over, whoever owns goes on."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        if self._consumer:
            self._consumer.pause(*assigned)
        self._on_assigned(frozenset(at.partition for at in assigned))
