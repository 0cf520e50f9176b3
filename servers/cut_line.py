"""Lines that can be cut: TCP relays that hold back all traffic from and to a node until it is mended.

A cut line is silent, as a network is that loses packets: connections stay, new ones are taken, nothing comes through
and nobody is told. What was on its way comes through when the line is mended, if somebody still waits for it.

The relays run in a process of their own (``python -m servers.cut_line``), so that they stand still with nobody else:
lines as JSON on its first line of input, then ``cut N``, ``cut N M`` or ``mend N``, each answered by ``done``. It ends with
its input.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from asyncio import Event, StreamReader, StreamWriter
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from servers.ports import HOST

_CHUNK_BYTES = 65_536
_DONE = "done"


class Line(NamedTuple):
    """What comes to ``address`` is relayed to the same port of 127.0.0.1. ``ends``: between whom it runs."""

    address: str
    port: int
    ends: tuple[int, int]


class LinesFailedError(Exception):
    """The lines can't be laid: a port is taken, or these addresses aren't loopback here."""


class CutLines:
    """The relays of a cluster, as a process."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = list(lines)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Raises ``LinesFailedError``."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "servers.cut_line"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._tell(json.dumps(self._lines))

    def cut(self, number: int) -> None:
        """From now on nothing reaches this end, and nothing from it reaches another."""
        self._tell(f"cut {number}")

    def part(self, one: int, other: int) -> None:
        """From now on nothing passes between these two ends."""
        self._tell(f"cut {one} {other}")

    def mend(self, number: int) -> None:
        """All that was cut at this end."""
        self._tell(f"mend {number}")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process:
            process.communicate()

    def _tell(self, command: str) -> None:
        relays = self._process
        if relays is None or relays.stdin is None or relays.stdout is None:
            raise LinesFailedError("the relays don't run")
        with suppress(BrokenPipeError):  # they ended: no answer comes
            relays.stdin.write(f"{command}\n")
            relays.stdin.flush()
        said = relays.stdout.readline().strip()
        if said != _DONE:
            raise LinesFailedError(said or "the relays ended")


class _Relays:
    def __init__(self, lines: list[Line]) -> None:
        self._cut: set[frozenset[int]] = set()  # ends, and pairs of them
        self._open = {line: Event() for line in lines}
        self._let_through()

    async def listen(self) -> None:
        for line in self._open:
            await asyncio.start_server(lambda *ends, line=line: self._relay(line, *ends), line.address, line.port)

    def obey(self, command: str) -> None:
        verb, *numbers = command.split()
        ends = frozenset(int(number) for number in numbers)
        self._cut = self._cut | {ends} if verb == "cut" else {cut for cut in self._cut if not cut & ends}
        self._let_through()

    def _let_through(self) -> None:
        for line, is_open in self._open.items():
            if any(cut.issubset(line.ends) for cut in self._cut):
                is_open.clear()
            else:
                is_open.set()

    async def _relay(self, line: Line, from_caller: StreamReader, to_caller: StreamWriter) -> None:
        is_open = self._open[line]
        await is_open.wait()
        try:
            from_called, to_called = await asyncio.open_connection(HOST, line.port)
        except OSError:  # nobody listens: the caller is hung up on
            to_caller.close()
            return
        await asyncio.gather(
            _carry(from_caller, to_called, is_open), _carry(from_called, to_caller, is_open), return_exceptions=True
        )


async def _carry(source: StreamReader, sink: StreamWriter, is_open: Event) -> None:
    with suppress(ConnectionError):  # either side hung up
        while data := await source.read(_CHUNK_BYTES):
            await is_open.wait()
            sink.write(data)
            await sink.drain()
    await is_open.wait()
    sink.close()


async def _serve() -> None:
    commands = StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    relays = _Relays([Line(a, port, (one, other)) for a, port, (one, other) in json.loads(await commands.readline())])
    try:
        await relays.listen()
    except OSError as error:
        print(error, flush=True)
        return
    print(_DONE, flush=True)
    while command := await commands.readline():
        relays.obey(command.decode())
        print(_DONE, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
