"""The live aggregates as a Faust app: it follows the conversation log and counts it into windowed tables.

Workers of one log share its partitions; each serves, from its web view, the figures of those that it has. Tables come
back from their changelogs. Faust commits no offset here: what is counted stands in the tables themselves, a place for
each partition and, in each row, the offset through which the log is counted in it. So a record that is read again after
a crash or a rebalance adds nothing, whatever Faust delivers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import faust
import msgspec
from faust.web import Request, Response, View

from projections.live.counted import Row, RowName, counted
from projections.live.partition import CountedPartition
from projections.live.report import KEPT_S, MOST_MINUTES, WINDOW_S, LiveFigures, live_figures
from projections.live.tables import PLACES, WINDOWS, LiveTopics, Place, key_of, row_at, row_of, stored
from streams.codec import Codec
from streams.hosts.faust_brokers import broker_settings
from streams.kafka.brokers import Brokers
from streams.kafka.records import conversation_of, imported_under, unframe
from streams.kafka.topics import Topics
from streams.ports import LogRecord
from streams.sealed_only import SealedOnly

_LOG = logging.getLogger(__name__)

PATH = "/live/"
MINUTES = 15
PLACE_EVERY_S = 1.0
LOOK_EVERY_S = 0.5
STOP_TIMEOUT_S = 10.0
SESSION_TIMEOUT_S = 10.0  # Faust's own is 60: who was killed would be missed for so long
MAX_POLL_INTERVAL_S = 60.0  # its own is 1,000
_US = 1_000_000


class LiveAggregates:
    """``async with``: it counts and serves while it is entered; entering returns once the web view answers.

    ``host``, ``port``: where the web view is served, as JSON under ``/live/?minutes=15``.
    """

    def __init__(self, brokers: Brokers, topics: Topics, *, host: str, port: int, replication: int = 1) -> None:
        self._brokers, self._topics, self._live = brokers, topics, LiveTopics(topics)
        self.host, self.port, self._replication = host, port, replication
        self._codec = Codec(SealedOnly())  # nothing that is private is counted
        self._read: dict[int, CountedPartition] = {}
        self._partitions: frozenset[int] = frozenset()
        self._noted_at: dict[int, float] = {}
        self._seen_at: dict[int, int] = {}  # where each partition was read to at the last look
        self._step_at_s = 0.0

    async def __aenter__(self) -> LiveAggregates:
        await self._live.create(self._brokers, replication=self._replication)
        self._app = self._make_app()
        try:
            await self._app.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._app.stop()
        except TimeoutError:
            _LOG.warning("Faust did not stop in %g s", STOP_TIMEOUT_S)

    async def failed(self) -> None:
        """Raises what made Faust give up, when it does."""
        await self._app.wait_until_stopped()
        if self._app.crash_reason:
            raise self._app.crash_reason

    @property
    def partitions(self) -> frozenset[int]:
        """Those that this worker has; none while tables are read back."""
        return self._partitions if self._app.flow_control.is_active() else frozenset()

    def figures(self, minutes: int = MINUTES) -> LiveFigures:
        """Of the partitions that this worker has."""
        now_s, partitions = time.time(), self.partitions
        rows = (row_at(key, value) for key, value in list(self._windows_data.items()) if key[0][0] in partitions)
        return live_figures(rows, partitions, now_s - minutes * 60, now_s)

    # --- the app ---

    def _make_app(self) -> _App:
        app = _App(
            self._live.app,
            loop=asyncio.get_running_loop(),
            **broker_settings(self._brokers),
            broker_session_timeout=SESSION_TIMEOUT_S,
            broker_max_poll_interval=MAX_POLL_INTERVAL_S,
            consumer_auto_offset_reset="earliest",
            producer_acks=-1,
            store="memory://",
            stream_wait_empty=False,
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_bind=self.host,
            web_host=self.host,
            web_port=self.port,
        )
        windows = app.Table(WINDOWS, default=dict, partitions=self._topics.partitions)
        self._windows = windows.tumbling(WINDOW_S, expires=KEPT_S).relative_to(  # type: ignore[attr-defined]  # its wrapper has it
            lambda _: self._step_at_s
        )
        self._windows_data = windows.data
        self._places = app.Table(PLACES, partitions=self._topics.partitions)
        log = app.topic(
            self._topics.log, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False
        )
        app.agent(log, name="count")(self._count)
        app.timer(LOOK_EVERY_S)(self._look)
        app.page(PATH)(self._page())
        app.on_partitions_assigned.connect(self._assigned, weak=False)
        return app

    async def _assigned(self, _: Any, /, *sent: Any, **__: Any) -> None:
        """Tables are read back after this: what is known of partitions is read from them anew."""
        self._read.clear()
        self._seen_at.clear()
        self._partitions = frozenset(at.partition for at in sent[0] if at.topic == self._topics.log)

    def _page(self) -> Callable[[View, Request], Awaitable[Response]]:
        """A function, for Faust makes a method of it."""

        async def page(view: View, request: Request) -> Response:
            minutes = request.query.get("minutes", str(MINUTES))
            if not minutes.isdigit() or not 0 < int(minutes) <= MOST_MINUTES:
                return view.error(400, f"minutes: 1 to {MOST_MINUTES}")
            return view.bytes(msgspec.json.encode(self.figures(int(minutes))), content_type="application/json")

        return page

    # --- counting ---

    async def _count(self, stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            try:
                await self._take(event.message)
            except Exception as error:  # Faust would go on behind it, and nobody would hear of it
                await self._app.crash(error)
                raise

    async def _take(self, message: Any) -> None:
        partition = message.partition
        read = self._reading(partition)
        if message.offset != read.next:
            return  # ``_look`` sees to it
        step = read.take(_record_of(message))
        if step and step[0].accepted_at_us / _US > time.time() - KEPT_S:
            self._step_at_s = step[0].accepted_at_us / _US
            for name, row in counted(step).items():
                self._add(partition, name, row, message.offset)
        await self._note(partition, read)

    def _add(self, partition: int, name: RowName, added: Row, through: int) -> None:
        window = self._windows[key_of(partition, name)]
        row = row_of(window.value())
        if row.through < through:
            row.merge(added)
            row.through = through
            self._windows[key_of(partition, name)] = stored(row)

    async def _note(self, partition: int, read: CountedPartition) -> None:
        """The place, once all that is counted before it stands in the changelog."""
        now_s = time.monotonic()
        if read.is_between_steps and now_s - self._noted_at.setdefault(partition, now_s) >= PLACE_EVERY_S:
            self._noted_at[partition] = now_s
            place = Place(read.next, read.epoch)
            await self._app.producer.flush()
            self._places[partition] = list(msgspec.structs.astuple(place))

    def _reading(self, partition: int) -> CountedPartition:
        read = self._read.get(partition)
        if read is None:
            place = msgspec.convert(self._places.get(partition, ()), Place)
            read = self._read[partition] = CountedPartition(self._codec, place.offset, place.epoch)
        return read

    async def _look(self) -> None:
        """Faust begins, or goes on after a rebalance, where it likes: it is told where a partition is read to, again for
        as long as it doesn't go on from there."""
        if not self._app.flow_control.is_active():
            return
        consumer = self._app.consumer
        for at in consumer.assignment():
            if at.topic != self._topics.log:
                continue
            read = self._reading(at.partition)
            stands, self._seen_at[at.partition] = self._seen_at.get(at.partition) == read.next, read.next
            if stands and (consumer.highwater(at) or 0) > read.next:
                await consumer.seek_wait({at: read.next})


class _App(faust.App):
    def _create_directories(self) -> None:
        """None: tables are in memory and on their topics."""


def _record_of(message: Any) -> LogRecord:
    return LogRecord(
        message.partition,
        message.offset,
        conversation_of(message.key),
        unframe(message.value),
        imported_under(message.headers or ()),
    )
