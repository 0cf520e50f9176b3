"""The inbox as one process sees it: it may be slow, take a fact twice, be down, or take a fact and not say so."""

from __future__ import annotations

import asyncio

from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.ledger import Latencies
from simulation.process import Process
from streams.codec import Body
from streams.ports import InboxRecord, InboxUnavailableError


class SimInbox:
    """Implements ``streams.ports.Inbox``. Puts of one producer stay in order, as it awaits each."""

    partitions = 1

    def __init__(self, durable: Durable, process: Process, faults: Faults, latencies: Latencies) -> None:
        self._durable, self._process, self._faults, self._latencies = durable, process, faults, latencies
        self._rng = faults.rng(f"inbox/{process.name}")

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        self._process.at("inbox.put:before")
        delay = self._latencies.draw(self._rng, 0.0005, 0.003)
        if self._faults.strikes(Fault.DELAY, self._rng, 0.03):
            delay += self._rng.choice((0.05, 0.8))
        await asyncio.sleep(delay)
        down = self._faults.window_ends(Fault.INBOX_DOWN) is not None
        if not down or self._rng.random() < 0.2:
            self._receive(conversation_id, event_id, body)
        self._process.at("inbox.put:landed")
        if down or self._faults.strikes(Fault.INBOX_DOWN, self._rng, 0.02):
            raise InboxUnavailableError("the inbox is down")
        await asyncio.sleep(self._latencies.draw(self._rng, 0.0002, 0.001))
        self._durable.acknowledged[event_id] = conversation_id
        self._process.at("inbox.put:after")

    def _receive(self, conversation_id: str, event_id: str, body: Body) -> None:
        self._durable.receive(conversation_id, event_id, body)
        if self._faults.strikes(Fault.DUPLICATE, self._rng, 0.1):
            asyncio.get_running_loop().call_later(
                self._rng.choice((0.0, 0.01, 2.0)),
                self._durable.receive,
                conversation_id,
                event_id,
                body,
                context=self._durable.broker,
            )

    def follow(self, partition: int, after: int) -> InboxFollower:
        return InboxFollower(self._durable, self._process, self._faults, self._latencies, after)


class InboxFollower:
    """Batches of the inbox's records in order."""

    def __init__(self, durable: Durable, process: Process, faults: Faults, latencies: Latencies, after: int) -> None:
        self._durable, self._process, self._faults, self._latencies = durable, process, faults, latencies
        self._next = after + 1
        self._rng = faults.rng(f"inbox.follow/{process.name}/{after}")

    def __aiter__(self) -> InboxFollower:
        return self

    async def __anext__(self) -> list[InboxRecord]:
        while len(self._durable.inbox) <= self._next:
            await self._durable.inbox_grew.wait()
        delay = self._latencies.draw(self._rng, 0.0002, 0.002)
        if self._faults.strikes(Fault.DELAY, self._rng, 0.02):
            delay += self._rng.choice((0.1, 1.0))
        await asyncio.sleep(delay)
        found = self._durable.inbox[self._next : self._next + 50]
        self._next += len(found)
        self._process.at("inbox.follow:delivered", found[0].conversation_id)
        return found
