"""What waits between the agent's voice and the line; for media to build on."""

from __future__ import annotations

import asyncio

from agent_core.audio import BYTES_PER_MS


class PlayoutBuffer:
    """A queue of PCM that tells how much of it really went out.

    The medium ``take``s from it at the pace of the line; ``put`` blocks the voice while more than ``high_water_ms``
    waits. ``clear`` and ``close`` let a blocked ``put`` go.
    """

    def __init__(self, high_water_ms: int = 100) -> None:
        self._high_water_bytes = high_water_ms * BYTES_PER_MS
        self._waiting = bytearray()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self._played_bytes = 0

    @property
    def played_bytes(self) -> int:
        return self._played_bytes

    async def put(self, pcm: bytes) -> None:
        """Append, then wait until no more than the high water mark is left. Audio put after ``close`` is dropped."""
        if self._closed:
            return
        self._waiting += pcm
        self._mark_room()
        await self._room.wait()

    def take(self, size_bytes: int) -> bytes:
        """Up to ``size_bytes``, counted as played from now on. Empty while nothing waits."""
        taken = bytes(self._waiting[:size_bytes])
        del self._waiting[:size_bytes]
        self._played_bytes += len(taken)
        self._mark_room()
        return taken

    def clear(self) -> int:
        dropped = len(self._waiting)
        self._waiting.clear()
        self._mark_room()
        return dropped

    def close(self) -> None:
        self._closed = True
        self.clear()

    def _mark_room(self) -> None:
        if len(self._waiting) <= self._high_water_bytes:
            self._room.set()
        else:
            self._room.clear()
