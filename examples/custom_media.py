"""Your own way into a call: any object with these five names can carry one (the port is ``voice_gateway/media.py``).

This one carries the call over a TCP connection as raw 16 kHz mono PCM16, both ways. Feed it with, for example::

    ffmpeg -re -i question.wav -f s16le -ar 16000 -ac 1 tcp://127.0.0.1:7000
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agent_core.ports import FRAME_BYTES, FRAME_MS
from voice_gateway.playout import PlayoutBuffer


class TcpMedia:
    """One call over one connection. The far end hangs up by closing it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._playout = PlayoutBuffer()
        self._sending = asyncio.get_running_loop().create_task(self._send())

    async def frames(self) -> AsyncIterator[bytes]:
        """The far end's pace is the call's pace: a frame comes when its last byte has."""
        while not self._writer.is_closing():
            try:
                yield await self._reader.readexactly(FRAME_BYTES)
            except (asyncio.IncompleteReadError, ConnectionError):
                break
        await self.close()

    async def play(self, pcm: bytes) -> None:
        await self._playout.put(pcm)

    def clear(self) -> int:
        return self._playout.clear()

    @property
    def played_bytes(self) -> int:
        return self._playout.played_bytes

    async def close(self) -> None:
        self._playout.close()
        self._sending.cancel()
        await asyncio.wait([self._sending])
        self._writer.close()

    async def _send(self) -> None:
        """A frame every 20 ms while there is something to say: the far end is a telephone, not a file."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            if frame := self._playout.take(FRAME_BYTES):
                self._writer.write(frame)
            due_s += FRAME_MS / 1000
            await asyncio.sleep(due_s - loop.time())
