"""A telephone line for fault runs: real time, real frames, and no speech in them.

The caller's words are told, not recognised: a frame of tone is speech, a frame of zeros is silence. The voice renders at
once. What is real is time: frames of 20 ms both ways, and a sound counts when its frame really leaves for the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from agent_core.ports import (
    FRAME_BYTES,
    FRAME_MS,
    RecogniserEvent,
    RecogniserSession,
    Speech,
    TurnEnded,
    TurnMaybeEnded,
    TurnStarted,
)
from voice_gateway.playout import PlayoutBuffer

SILENCE = bytes(FRAME_BYTES)
TONE = b"\x00\x20" * (FRAME_BYTES // 2)
REPLY_FRAMES = 15  # 300 ms: turns follow each other quickly
EAGER_AFTER_MS = 60  # silence after which the words are probably over
FINAL_AFTER_MS = 160
_FRAME_S = FRAME_MS / 1000


class LineClosedError(Exception):
    """Nobody listens any more."""


class ToldLine:
    """The ``Media`` port. ``say`` is the caller; ``audible_at`` holds the moments, on the loop's clock, at which frames of
    the agent's sound left."""

    def __init__(self) -> None:
        self._playout = PlayoutBuffer()
        self._frames_to_say = 0
        self._closed = False
        self._hung_up = False
        self._playing: asyncio.Task[None] | None = None
        self.words = ""
        self._speech_ended: asyncio.Future[float] | None = None
        self.audible_at: list[float] = []
        self.idle = asyncio.Event()  # the agent has said what it has to say for now

    def say(self, words: str, lasts_ms: int = 400) -> None:
        if self._closed:
            raise LineClosedError("the line was closed before the caller spoke")
        self.words, self._speech_ended = words, asyncio.get_running_loop().create_future()
        self._frames_to_say = lasts_ms // FRAME_MS
        self.idle.clear()

    async def end_of_speech(self) -> float:
        """When what is being said has ended, on the loop's clock, s. Only after ``say``. Raises ``LineClosedError``."""
        assert self._speech_ended is not None, "nobody speaks"
        return await self._speech_ended

    def hang_up(self) -> None:
        self._hung_up = True

    async def frames(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        self._playing = loop.create_task(self._play_out())
        due_s = loop.time()
        try:
            while not (self._closed or self._hung_up):
                due_s += _FRAME_S
                await asyncio.sleep(due_s - loop.time())
                yield self._next_frame()
        finally:
            await self.close()

    def _next_frame(self) -> bytes:
        if not self._frames_to_say:
            return SILENCE
        self._frames_to_say -= 1
        if not self._frames_to_say and self._speech_ended and not self._speech_ended.done():
            self._speech_ended.set_result(asyncio.get_running_loop().time())
        return TONE

    async def play(self, pcm: bytes) -> None:
        await self._playout.put(pcm)

    def clear(self) -> int:
        return self._playout.clear()

    @property
    def played_bytes(self) -> int:
        return self._playout.played_bytes

    async def close(self) -> None:
        self._closed = True
        if self._speech_ended and not self._speech_ended.done():
            self._speech_ended.set_exception(LineClosedError("the line was closed while the caller spoke"))
        self._playout.close()
        if self._playing:
            self._playing.cancel()
            await asyncio.wait([self._playing])
            self._playing = None

    async def agent_started(self) -> None:
        return

    async def agent_idle(self) -> None:
        self.idle.set()

    async def _play_out(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            if self._playout.take(FRAME_BYTES):
                self.audible_at.append(loop.time())
            due_s += _FRAME_S
            await asyncio.sleep(due_s - loop.time())


class ToldRecogniser:
    """Hears a tone as the words that the line's caller is saying: eager after 60 ms of silence, final after 160 ms."""

    name = "told"

    def __init__(self, line: ToldLine) -> None:
        self._line = line

    async def open(self) -> RecogniserSession:
        return _Hearing(self._line)

    async def close(self) -> None:
        return


class _Hearing:
    def __init__(self, line: ToldLine) -> None:
        self._line = line
        self._events: asyncio.Queue[RecogniserEvent | None] = asyncio.Queue()
        self._heard_ms = 0.0
        self._speech_end_ms: float | None = None  # None while nobody has spoken

    async def push(self, pcm: bytes) -> None:
        self._heard_ms += FRAME_MS
        if pcm == TONE:
            if self._speech_end_ms is None:
                self._events.put_nowait(TurnStarted(self._heard_ms))
            self._speech_end_ms = self._heard_ms
        elif self._speech_end_ms is not None:
            self._silent(self._speech_end_ms)

    def _silent(self, end_ms: float) -> None:
        silent_ms, words = self._heard_ms - end_ms, self._line.words
        if silent_ms == EAGER_AFTER_MS:
            self._events.put_nowait(TurnMaybeEnded(words, 0.9, end_ms, self._heard_ms))
        elif silent_ms == FINAL_AFTER_MS:
            self._events.put_nowait(TurnEnded(words, 0.95, end_ms, self._heard_ms))
            self._speech_end_ms = None

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._events.put_nowait(None)


class ToneActivity:
    """A tone is speech."""

    def push(self, pcm: bytes) -> float:
        return 1.0 if pcm[: len(TONE)] == TONE else 0.0

    def reset(self) -> None:
        return


class ToneVoice:
    """Every text is the same short sound, there at once."""

    name = "tone"

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        yield Speech(TONE * REPLY_FRAMES)

    async def close(self) -> None:
        return
