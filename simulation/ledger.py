"""The log as one process sees it: pipelined, slow, and not always truthful about what landed.

It promises what a Kafka producer and consumer promise, no more: appends of one producer land in the order in which they
were submitted, and after one that failed none of the same session lands; a stale owner's appends land like any other's.
A new session begins with ``OwnerTook``.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Generator, Sequence
from dataclasses import dataclass

from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.process import Process
from streams.ports import AppendUnknownError, Entry, LogRecord, Receipt


@dataclass
class Latencies:
    """Seconds. ``acknowledge_s`` is added to each append until it is committed: acknowledged, and there for readers."""

    acknowledge_s: float = 0.0
    steady: bool = False  # everything takes as long each time, so that two runs can be compared
    cut_follow_at_s: float | None = None  # loop time from which followers get nothing, for good

    def draw(self, rng: random.Random, least_s: float, most_s: float) -> float:
        """How long something takes that takes about so long."""
        return (least_s + most_s) / 2 if self.steady else rng.uniform(least_s, most_s)


@dataclass
class _Submitted:
    entries: list[Entry]
    receipt: asyncio.Future[Receipt]
    session: int
    ready_at_s: float
    first: int | None = None  # where its first part landed


class _Receipt(Awaitable[Receipt]):
    """The owner may die at the very moment when it learns that its append landed."""

    def __init__(self, future: asyncio.Future[Receipt], process: Process, call_id: str) -> None:
        self._future, self._process, self._call_id = future, process, call_id

    def __await__(self) -> Generator[None, None, Receipt]:
        receipt = yield from self._future.__await__()
        self._process.at("ledger.append:acknowledged", self._call_id)
        return receipt


class SimLedger:
    """Implements ``streams.ports.Ledger``."""

    partitions = 1

    def __init__(self, durable: Durable, process: Process, faults: Faults, latencies: Latencies) -> None:
        self._durable, self._process, self._faults, self._latencies = durable, process, faults, latencies
        self._rng = faults.rng(f"ledger/{process.name}")
        self._pipeline: deque[_Submitted] = deque()
        self._session = 0
        self._broken_session = -1

    # --- writing ---

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        call_id = entries[0].conversation_id
        self._process.at("ledger.append:before", call_id)
        loop = asyncio.get_running_loop()
        if entries[0].body.type == "OwnerTook":
            self._session += 1
        future: asyncio.Future[Receipt] = loop.create_future()
        ready_at = loop.time() + self._latencies.draw(self._rng, 0.0005, 0.003) + self._latencies.acknowledge_s
        if self._faults.strikes(Fault.DELAY, self._rng, 0.03):
            ready_at += self._rng.choice((0.02, 0.3, 1.5))
        self._pipeline.append(_Submitted(list(entries), future, self._session, ready_at))
        if len(self._pipeline) == 1:
            self._pump_later(ready_at)
        self._process.at("ledger.append:after", call_id)
        return _Receipt(future, self._process, call_id)

    def _pump_later(self, at_s: float) -> None:
        asyncio.get_running_loop().call_at(at_s, self._pump, context=self._durable.broker)

    def _pump(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._pipeline:
            submitted = self._pipeline[0]
            if self._process.frozen and self._faults.strikes(Fault.ZOMBIE, self._rng, 0.7):
                submitted.ready_at_s = now + self._rng.uniform(0.2, 4.0)  # what a frozen process sent lands much later
            if submitted.ready_at_s > now:
                self._pump_later(submitted.ready_at_s)
                return
            if not self._land(submitted):  # its second part is still to come
                continue
            self._pipeline.popleft()

    def _land(self, submitted: _Submitted) -> bool:
        """False where a part of it is still to land."""
        if submitted.session == self._broken_session:
            self._fail(submitted, "an earlier append of this session failed")
            return True
        if submitted.first is None:
            if self._process.dead and not self._survives_death(submitted):
                return True
            if self._faults.strikes(Fault.APPEND_UNKNOWN, self._rng, 0.015):
                return self._lose_track(submitted)
            if len(submitted.entries) > 1 and self._faults.strikes(Fault.HALF_STEP, self._rng, 0.06):
                return self._land_in_parts(submitted)
        first, last = self._durable.land(submitted.entries, self._process.name)
        self._acknowledge(submitted, Receipt(first if submitted.first is None else submitted.first, last))
        return True

    def _survives_death(self, submitted: _Submitted) -> bool:
        """What a process sent before it died may land whole, in part, or not at all."""
        drawn = self._rng.random()
        if drawn < 0.6:
            return True
        if drawn < 0.85 and len(submitted.entries) > 1 and self._faults.strikes(Fault.HALF_STEP, self._rng, 1.0):
            self._durable.land(submitted.entries[: self._cut(submitted)], self._process.name)
        self._broken_session = submitted.session
        return False

    def _lose_track(self, submitted: _Submitted) -> bool:
        drawn = self._rng.random()
        if drawn < 0.5:
            self._durable.land(submitted.entries, self._process.name)
        else:
            if len(submitted.entries) > 1 and self._faults.strikes(Fault.HALF_STEP, self._rng, 0.5):
                self._durable.land(submitted.entries[: self._cut(submitted)], self._process.name)
            self._broken_session = submitted.session
        self._fail(submitted, "the outcome of an append is unknown")
        return True

    def _land_in_parts(self, submitted: _Submitted) -> bool:
        cut = self._cut(submitted)
        submitted.first, _ = self._durable.land(submitted.entries[:cut], self._process.name)
        submitted.entries = submitted.entries[cut:]
        submitted.ready_at_s += self._rng.choice((0.001, 0.01, 0.2, 1.5))
        return False

    def _cut(self, submitted: _Submitted) -> int:
        return self._rng.randint(1, len(submitted.entries) - 1)

    def _fail(self, submitted: _Submitted, why: str) -> None:
        if not submitted.receipt.done():
            submitted.receipt.set_exception(AppendUnknownError(why))
            submitted.receipt.exception()  # an owner that stopped doesn't ask any more

    def _acknowledge(self, submitted: _Submitted, receipt: Receipt) -> None:
        delay = self._latencies.draw(self._rng, 0.0002, 0.002)
        if self._faults.strikes(Fault.DELAY, self._rng, 0.02):
            delay += self._rng.choice((0.05, 1.0))

        def tell() -> None:
            if not submitted.receipt.done():
                submitted.receipt.set_result(receipt)

        asyncio.get_running_loop().call_later(delay, tell, context=self._durable.broker)

    # --- reading ---

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        self._process.at("ledger.read:before")
        await self._takes_a_moment()
        if self._faults.strikes(Fault.SHORT_READ, self._rng, 0.5):
            limit = min(limit, self._rng.randint(1, 5))
        found = self._durable.log[start : start + limit]
        self._process.at("ledger.read:after")
        return found

    async def end(self, partition: int) -> int:
        await self._takes_a_moment()
        self._process.at("ledger.end:after")
        return len(self._durable.log)

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        self._process.at("ledger.read_conversation:before", conversation_id)
        await self._takes_a_moment()
        found = _of_conversation(self._durable.log[start:until], conversation_id)
        self._process.at("ledger.read_conversation:after", conversation_id)
        return found

    async def sync(self) -> None:
        self._process.at("ledger.sync:before")
        await self._takes_a_moment()
        self._process.at("ledger.sync:after")

    def follow(self, partition: int, start: int) -> LogFollower:
        return LogFollower(self._durable, self._process, self._faults, self._latencies, start)

    async def follow_conversation(self, conversation_id: str, start: int) -> AsyncIterator[list[LogRecord]]:
        async for records in self.follow(0, start):
            if found := _of_conversation(records, conversation_id):
                yield found

    async def _takes_a_moment(self) -> None:
        await asyncio.sleep(self._latencies.draw(self._rng, 0.0002, 0.002))


def _of_conversation(records: Sequence[LogRecord], conversation_id: str) -> list[LogRecord]:
    return [record for record in records if record.conversation_id in ("", conversation_id)]


class LogFollower:
    """Batches of the log's records in order; late, or not at all while the stream is cut."""

    def __init__(self, durable: Durable, process: Process, faults: Faults, latencies: Latencies, start: int) -> None:
        self._durable, self._process, self._faults, self._latencies = durable, process, faults, latencies
        self._next = start
        self._rng = faults.rng(f"follow/{process.name}/{start}")

    def __aiter__(self) -> LogFollower:
        return self

    async def __anext__(self) -> list[LogRecord]:
        while len(self._durable.log) <= self._next:
            await self._durable.log_grew.wait()
        delay = self._latencies.draw(self._rng, 0.0002, 0.002)
        if self._faults.strikes(Fault.DELAY, self._rng, 0.02):
            delay += self._rng.choice((0.1, 1.0))
        await asyncio.sleep(delay)
        await self._while_cut()
        found = self._durable.log[self._next : self._next + 100]
        self._next += len(found)
        self._process.at("ledger.follow:delivered")
        return found

    async def _while_cut(self) -> None:
        loop = asyncio.get_running_loop()
        cut_at = self._latencies.cut_follow_at_s
        if cut_at is not None and loop.time() >= cut_at:
            await loop.create_future()
        while (ends := self._faults.window_ends(Fault.FOLLOW_CUT)) is not None:  # noqa: ASYNC110 - it says when to look
            await asyncio.sleep(ends - loop.time())
