"""Facts on their way: in order, once each, kept while the inbox takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from schemas.event import Event
from schemas.facts import CallEnded
from simulation.virtual_loop import run_virtual
from streams.fact_writer import FactWriter, fact_event
from streams.ports import InboxUnavailableError
from voice_gateway.fact_spool import FactSpool


class Writer(FactWriter):
    """Takes facts while ``open``."""

    def __init__(self) -> None:
        self.open = True
        self.tries = 0
        self.written: list[str] = []

    async def put(self, fact: Event) -> None:
        self.tries += 1
        await asyncio.sleep(0.001)
        if not self.open:
            raise InboxUnavailableError("full")
        self.written.append(fact.event_id)


def fact(name: str) -> Event:
    return fact_event("call-1", CallEnded(reason="test"), event_id=name)


def spooled(scene: Callable[[FactSpool, Writer], Awaitable[None]]) -> None:
    async def run() -> None:
        writer = Writer()
        spool = FactSpool(writer)
        running = asyncio.create_task(spool.run())
        await scene(spool, writer)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(run())


def test_facts_are_written_in_order() -> None:
    async def scene(spool: FactSpool, writer: Writer) -> None:
        for name in "abc":
            spool.put(fact(name))
        assert writer.written == []
        assert await spool.drained(1) == 0
        assert writer.written == ["a", "b", "c"]

    spooled(scene)


def test_an_outage_loses_nothing_and_reorders_nothing() -> None:
    async def scene(spool: FactSpool, writer: Writer) -> None:
        spool.put(fact("a"))
        await spool.drained(1)
        writer.open = False
        for name in "bcd":
            spool.put(fact(name))
        await asyncio.sleep(5)
        assert writer.written == ["a"]
        writer.open = True
        assert await spool.drained(1) == 0
        assert writer.written == ["a", "b", "c", "d"]

    spooled(scene)


def test_an_outage_is_not_hammered() -> None:
    async def scene(spool: FactSpool, writer: Writer) -> None:
        writer.open = False
        spool.put(fact("a"))
        await asyncio.sleep(10)
        assert 50 <= writer.tries <= 100

    spooled(scene)


def test_what_cant_be_written_in_time_is_counted() -> None:
    async def scene(spool: FactSpool, writer: Writer) -> None:
        writer.open = False
        spool.put(fact("a"))
        spool.put(fact("b"))
        assert await spool.drained(2) == 2

    spooled(scene)
