"""aiokafka's client, for brokers that fall silent: stopped or cut off, one keeps its connections and answers nothing.

aiokafka waits its whole request timeout for each answer, asks any broker who leads (the silent one too, and as long), and
opens no connection while it waits for another one: after a leader had fallen silent its clients took 5 to 15 s. Here

- questions that any broker can answer go to those that aren't silent, and wait for none of them for long;
- while a broker is silent, the others are asked whether they still count it. Once they don't, it has lost its partitions and
  its groups (KRaft does all of it at once): what waits for it is given up, and goes to who leads now;
- a connection to one broker is opened beside that to another;
- who names a leader that was replaced isn't believed while another broker knows better (``streams.kafka.leaderships``).

aiokafka has settings for none of it, so this overrides what it keeps private: ``_metadata_update``, ``_get_conn``, the lock
and the table of connections. ``tests/streams/test_silent_brokers.py`` fails where another version calls them otherwise.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator, Set
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup  # type: ignore[import-untyped]
from aiokafka.conn import CloseReason  # type: ignore[import-untyped]
from aiokafka.errors import KafkaConnectionError, KafkaError  # type: ignore[import-untyped]

from streams.kafka.leaderships import Leaderships, Told, WhoLeads
from streams.kafka.silence import Address, Silence

# How long a broker may take for an answer, beyond what it was told to wait, before the others are asked about it. One that
# is only busy costs them a question now and then.
SILENT_S = 1.0
_BOOTSTRAP = ("bootstrap", ConnectionGroup.DEFAULT)  # where aiokafka keeps the connection that it began with
LOOK_EVERY_S = 0.3  # whether the others still count it
_ANY_WITHIN_S = 1.0  # for an answer that others can give as well


class AttentiveClient(AIOKafkaClient):  # type: ignore[misc]
    """See ``attend``."""

    _request_timeout_ms: int
    _topics: set[str]
    _silence: Silence
    _leaderships: Leaderships
    _patience_s: float
    _watching: dict[int, asyncio.Task[None]]
    _opening: dict[tuple[int, ConnectionGroup], asyncio.Task[Any]]
    _turns: defaultdict[tuple[int, ConnectionGroup], asyncio.Lock]

    @property
    def hosts(self) -> list[tuple[str, int, Any]]:
        return sorted(super().hosts, key=lambda host: Address(*host[:2]) in self._silence)

    async def bootstrap(self) -> None:
        """Where there are several hosts, none is waited for long before all were asked."""
        patient_ms: int = self._request_timeout_ms
        if len(super().hosts) > 1:
            self._request_timeout_ms = min(patient_ms, round(_ANY_WITHIN_S * 1000))
        try:
            await super().bootstrap()
        except KafkaConnectionError:
            if self._request_timeout_ms == patient_ms:
                raise
            self._request_timeout_ms = patient_ms
            await super().bootstrap()
        finally:
            self._request_timeout_ms = patient_ms
        self._silence.tell(self._look_at)
        self._leaderships.tell(self._heed)

    async def close(self) -> None:
        self._silence.tell_no_more(self._look_at)
        self._leaderships.tell_no_more(self._heed)
        watching = list(self._watching.values())
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await super().close()

    def get_random_node(self) -> int | None:
        nodes = self._nodes()
        return random.choice([node for node in nodes if not self._is_silent(node)] or nodes) if nodes else None

    def look_who_leads(self) -> None:
        """For who hears nothing: nobody may be speaking, or a broker that doesn't lead any more."""
        if self._leaderships.is_to_be_looked_at(frozenset(self._topics)):
            self.force_metadata_update()

    async def ask_all_who_leads(self) -> None:
        """For who was told less than there has to be."""
        self._leaderships.doubt(self._topics)
        await self.force_metadata_update()

    def _heed(self, topics: Set[str]) -> None:
        if topics & self._topics:
            self.force_metadata_update()

    async def send(self, node_id: int, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        with self.expecting(node_id):
            return await super().send(node_id, request, group=group)

    @contextmanager
    def expecting(self, node_id: int) -> Iterator[None]:
        """An answer of this broker, before the block ends without an error."""
        with self._waiting_for(node_id):
            yield
        if address := self._address(node_id):
            self._silence.spoke(address)

    @contextmanager
    def _waiting_for(self, node_id: int) -> Iterator[None]:
        alarm = asyncio.get_running_loop().call_later(self._patience_s, self._fell_silent, node_id)
        try:
            yield
        finally:
            alarm.cancel()

    def _fell_silent(self, node_id: int) -> None:
        if address := self._address(node_id):
            self._silence.fell(address)
        self._look_at(node_id)

    def _look_at(self, node_id: int) -> None:
        if node_id not in self._watching:
            watching = self._watching[node_id] = asyncio.create_task(self._until_it_speaks_or_is_replaced(node_id))
            watching.add_done_callback(lambda _: self._watching.pop(node_id))

    async def _until_it_speaks_or_is_replaced(self, node_id: int) -> None:
        while (address := self._address(node_id)) is None or address in self._silence:
            if await self.force_metadata_update() and node_id not in self._nodes():
                self._give_up(node_id)
                if address:
                    self._silence.replaced(address, node_id)
                return
            await asyncio.sleep(LOOK_EVERY_S)

    def _give_up(self, node_id: int) -> None:
        """All that waits for it: each request fails as if its connection had broken, and is tried again where it may be."""
        for place in [(node_id, group) for group in ConnectionGroup]:
            if connection := self._conns.get(place):
                connection.close(reason=CloseReason.CONNECTION_BROKEN)
            if opening := self._opening.get(place):
                opening.cancel()

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        """Whether a broker told it. Silent ones are asked last."""
        request = WhoLeads(list(topics) if topics else None)
        for within_s in (_ANY_WITHIN_S, self._request_timeout_ms / 1000):
            if told := await self._newest_told(request, within_s):
                return self._updated(cluster_metadata, told.metadata)
        cluster_metadata.failed_update(None)
        return False

    async def _newest_told(self, request: WhoLeads, within_s: float) -> Told | None:
        """Asks one after another until one isn't behind what is known. Of partitions that are new here all are asked: the one
        that answers first may be the one that is behind."""
        answers: list[Told] = []
        nodes = self._by_silence()
        while nodes:
            told = await self._told(nodes.pop(0), request, within_s)
            if told is None:
                continue
            answers.append(told)
            if not self._leaderships.are_known(told.epochs):
                speaking = [node_id for node_id in nodes if not self._is_silent(node_id)]
                others = await asyncio.gather(*(self._told(node_id, request, within_s) for node_id in speaking))
                answers += [other for other in others if other]
                nodes = []
            for answer in answers:
                self._leaderships.learn(answer.epochs)
            if not self._leaderships.behind(told.epochs):
                return told
        return min(answers, key=lambda answer: self._leaderships.behind(answer.epochs), default=None)

    def _by_silence(self) -> list[Any]:
        """Whom to ask, in which order. A cluster that knew of no broker yet is asked where it said so."""
        nodes: list[Any] = self._nodes()
        random.shuffle(nodes)
        return [*sorted(nodes, key=self._is_silent), *([_BOOTSTRAP[0]] if _BOOTSTRAP in self._conns else [])]

    def _updated(self, cluster_metadata: Any, metadata: Any) -> bool:
        if not metadata.brokers:
            return False
        cluster_metadata.update_metadata(metadata)
        if self._nodes() and (first := self._conns.pop(_BOOTSTRAP, None)):
            first.close()
        return True

    async def _told(self, node_id: int, request: WhoLeads, within_s: float) -> Told | None:
        """None: not in time."""
        address = self._address(node_id)
        try:
            async with asyncio.timeout(within_s):
                connection = await self._get_conn(node_id)
                metadata = await connection.send(request) if connection else None
        except KafkaError:
            return None
        except TimeoutError:
            if address:
                self._silence.fell(address)
            return None
        if address and metadata is not None:
            self._silence.spoke(address)
        return None if metadata is None else Told(metadata)

    async def _get_conn(
        self, node_id: int, *, group: ConnectionGroup = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        """None: it can't be had, or its broker was replaced meanwhile."""
        place = node_id, group
        if (known := self._conns.get(place)) and known.connected():
            return known
        async with self._turns[place]:
            opening = self._opening[place] = asyncio.ensure_future(super()._get_conn(node_id, group=group))
            try:
                with self._waiting_for(node_id):
                    await asyncio.wait([opening])
            finally:
                del self._opening[place]
                opening.cancel()
                await asyncio.wait([opening])
            return None if opening.cancelled() else opening.result()

    @property
    def _get_conn_lock(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()  # each place has a turn of its own

    def _nodes(self) -> list[int]:
        return [broker.nodeId for broker in self.cluster.brokers()]

    def _is_silent(self, node_id: int) -> bool:
        address = self._address(node_id)
        return address is not None and address in self._silence

    def _address(self, node_id: int) -> Address | None:
        """None where it is known of no broker any more."""
        broker = self.cluster.broker_metadata(node_id)
        return Address(broker.host, broker.port) if broker else None


def attend(client: AIOKafkaClient, silence: Silence, leaderships: Leaderships, patience_s: float = SILENT_S) -> None:
    """Makes a client that wasn't started yet an attentive one: aiokafka's consumers and producers make theirs themselves.

    ``silence``, ``leaderships``: shared with the other clients of the same brokers. ``patience_s``: for any answer, ``SILENT_S`` and for how
    long a broker may be told to wait.
    """
    client.__class__ = AttentiveClient
    client._silence, client._leaderships, client._patience_s = silence, leaderships, patience_s
    client._watching, client._opening, client._turns = {}, {}, defaultdict(asyncio.Lock)
