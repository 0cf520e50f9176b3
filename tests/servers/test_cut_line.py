"""A line that is cut is silent, both ways, and forgets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support import PATIENCE_S, run

from servers.cut_line import CutLines, Line, LinesFailedError
from servers.ports import HOST, free_port

CALLER, CALLED, ADDRESS = 3, 7, "127.77.3.7"
THIRD = 5
QUIET_S = 0.2  # long enough for what comes through to come


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, CutLines]]:
    """A connection over a line to a server that says back what it hears."""

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(100):
            writer.write(heard)
        writer.close()

    port = free_port()
    lines = CutLines([Line(ADDRESS, port, (CALLER, CALLED))])
    await asyncio.to_thread(lines.start)
    try:
        async with await asyncio.start_server(say_back, HOST, port):
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            yield reader, writer, lines
            writer.close()
            await asyncio.sleep(QUIET_S)  # the server hears that nobody is there any more
    finally:
        await asyncio.to_thread(lines.stop)


async def hear(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        return await reader.read(100)


def test_two_ends_that_are_parted_reach_others_still() -> None:
    async def scenario() -> None:
        async with echo() as (reader, writer, lines):
            lines.part(CALLER, THIRD)
            writer.write(b"one")
            assert await hear(reader) == b"one"
            lines.part(CALLED, CALLER)
            writer.write(b"two")
            hearing = asyncio.create_task(hear(reader))
            lines.mend(THIRD)
            await asyncio.sleep(QUIET_S)
            assert not hearing.done()
            lines.mend(CALLED)
            assert await hearing == b"two"

    run(scenario())


@pytest.mark.parametrize("end", [CALLER, CALLED])
def test_what_is_said_over_a_cut_line_comes_through_when_it_is_mended(end: int) -> None:
    async def scenario() -> None:
        async with echo() as (reader, writer, lines):
            writer.write(b"one")
            assert await hear(reader) == b"one"
            lines.cut(end)
            writer.write(b"two")
            hearing = asyncio.create_task(hear(reader))
            await asyncio.sleep(QUIET_S)
            assert not hearing.done()
            lines.mend(end)
            assert await hearing == b"two"

    run(scenario())


def test_another_end_that_is_cut_is_no_business_of_a_line() -> None:
    async def scenario() -> None:
        async with echo() as (reader, writer, lines):
            lines.cut(CALLED + 1)
            writer.write(b"one")
            assert await hear(reader) == b"one"

    run(scenario())


def test_who_calls_somebody_who_is_not_there_is_hung_up_on() -> None:
    async def scenario() -> None:
        port = free_port()
        lines = CutLines([Line(ADDRESS, port, (CALLER, CALLED))])
        lines.start()
        try:
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            assert await hear(reader) == b""
            writer.close()
        finally:
            lines.stop()

    run(scenario())


def test_a_port_that_is_taken_is_told() -> None:
    port = free_port()
    first, second = (CutLines([Line(ADDRESS, port, (CALLER, CALLED))]) for _ in range(2))
    first.start()
    try:
        with pytest.raises(LinesFailedError, match=ADDRESS):
            second.start()
    finally:
        first.stop()
        second.stop()
