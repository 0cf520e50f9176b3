"""The Faust host: the same owners; their group and their facts come by way of a Faust app.

Faust's consumer is this worker's member of the group, and an agent on the inbox delivers the records. All else is the
other host's (``streams.hosts.kafka``), group and way of assigning too: workers of both hosts share one log. The agent
hands records on and awaits nothing. Nothing rests on Faust's offsets, acknowledgements, tables or exactly-once.

faust-streaming is pinned: where a setting doesn't exist, its driver is changed here, by names that it may change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from faust.app import BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from streams.codec import Codec
from streams.hosts.faust_brokers import broker_settings
from streams.hosts.faust_inbox import FaustInbox
from streams.hosts.kafka import KafkaHost
from streams.kafka.brokers import Brokers
from streams.kafka.connection import REQUEST_TIMEOUT_MS
from streams.kafka.membership import HEARTBEAT_MS, REBALANCE_TIMEOUT_MS, SESSION_TIMEOUT_MS, Membership
from streams.kafka.records import conversation_of, unframe
from streams.kafka.topics import Topics
from streams.mind import C, Effects, Mind
from streams.owner import Stores
from streams.ports import InboxRecord

_LOG = logging.getLogger(__name__)

# Faust's own is 1,500. One fetch at a time is under way: what was read last is asked for again only when that ends.
FETCH_MAX_WAIT_MS = 20
MAX_POLL_INTERVAL_S = 30.0  # Faust's own is 1,000: a worker that stands still would keep its partitions for so long
CHECK_S = 0.25
STOP_TIMEOUT_S = 10.0


class FaustHost(KafkaHost[C]):
    """As ``KafkaHost``."""

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
        self.inbox = FaustInbox(stores.inbox)
        stores = stores._replace(inbox=self.inbox)
        super().__init__(brokers, topics, stores, codec, mind, make_effects, session_timeout_ms=session_timeout_ms)

    def _member(self, brokers: Brokers, topic: str, group: str, session_timeout_ms: int) -> Membership:
        return FaustMembership(brokers, topic, group, self._assigned, self.inbox, session_timeout_ms)


class OutOfGroupError(KafkaError):  # type: ignore[misc]
    """Faust gave up."""


class FaustMembership(Membership):
    """Each stay in the group is a Faust app of its own."""

    def __init__(
        self,
        brokers: Brokers,
        topic: str,
        group: str,
        on_assigned: Callable[[frozenset[int]], None],
        inbox: FaustInbox,
        session_timeout_ms: int,
    ) -> None:
        super().__init__(brokers, topic, group, on_assigned, session_timeout_ms=session_timeout_ms)
        self._inbox = inbox

    async def _stay(self) -> None:
        app = self._app()
        starting = asyncio.ensure_future(app.start())  # ends when the group has let it in, or never
        try:
            while not app.should_stop:
                app.check_group()
                if starting.done():
                    starting.result()
                await asyncio.sleep(CHECK_S)
            _LOG.warning("Faust gave up: %s", type(app.crash_reason).__name__)
            raise OutOfGroupError from app.crash_reason
        finally:
            self._inbox.revoked()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await _stop(app)

    def _app(self) -> _App:
        session_s = self.session_timeout_ms / 1000
        app = _App(
            self._group,
            assignor=self._assignor,
            **broker_settings(self._brokers),
            broker_session_timeout=session_s,
            broker_heartbeat_interval=min(HEARTBEAT_MS / 1000, session_s / 3),
            broker_rebalance_timeout=REBALANCE_TIMEOUT_MS / 1000,
            broker_request_timeout=max(REQUEST_TIMEOUT_MS / 1000, session_s),
            broker_max_poll_interval=MAX_POLL_INTERVAL_S,
            consumer_auto_offset_reset="latest",  # what stands before is read from the log
            stream_wait_empty=False,  # a rebalance waits for no record: the log has it
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        # Not acknowledged, so no offset is committed: the next owner goes on behind the log's inbox mark.
        topic = app.topic(
            self._topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False
        )
        app.agent(topic, name="inbox")(self._deliver)
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        app.on_partitions_assigned.connect(self._assigned, weak=False)
        return app

    async def _deliver(self, stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            record = event.message
            self._inbox.offer(
                InboxRecord(record.partition, record.offset, conversation_of(record.key), unframe(record.value))
            )

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """A rebalance begins. The owners go on: what stays assigned keeps its owner through it."""
        self._inbox.revoked()

    async def _assigned(self, _: Any, /, *sent: Any, **__: Any) -> None:
        partitions = frozenset(at.partition for at in sent[0])
        self._inbox.assigned(partitions)
        self._on_assigned(partitions)


async def _stop(app: _App) -> None:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await app.stop()
    except TimeoutError:
        _LOG.warning("Faust did not stop in %g s", STOP_TIMEOUT_S)


class _Boot(BootStrategy):
    enable_kafka_producer = False  # owners have their own


class _App(faust.App):
    BootStrategy = _Boot

    def __init__(self, name: str, *, assignor: type, **settings: Any) -> None:
        self.sticky_assignor = assignor
        self.group_consumer: AIOKafkaConsumer | None = None
        super().__init__(name, loop=asyncio.get_running_loop(), **settings)

    def check_group(self) -> None:
        """Raises the ``KafkaError`` that keeps it out of the group: Faust waits on, and tells nobody."""
        if self.group_consumer and self.group_consumer._coordinator:
            self.group_consumer._coordinator.check_errors()

    def _new_transport(self) -> Transport:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """None: it keeps no tables."""


class _ConsumerThread(AIOKafkaConsumerThread):
    app: _App

    def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        consumer._partition_assignment_strategy = [self.app.sticky_assignor]
        self.app.group_consumer = consumer
        return consumer


class _Consumer(Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(Transport):
    Consumer = _Consumer
