"""One of Cartesia's contexts: text that comes in pieces, spoken as one, with the time of each word.

Text is spoken once it ends a sentence, when it has waited ``max_buffer_delay_ms`` for more, on ``flush``, or when the
client says that no more comes. A context whose input stays open expires a while after its last audio; the vendor says
``done`` then, as it does at a proper end. A cancel drops the text that waits; what is being generated is finished, and
its audio still goes out.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from emulators.cartesia_requests import BadRequest, Generation
from emulators.speaking import Voice
from emulators.state import now_s
from emulators.voice import Chunk

Send = Callable[[dict[str, Any]], Awaitable[None]]

_RUNNING, _DONE = 206, 200
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s*\Z")
_WORD = re.compile(r"\S+")


class _Job(NamedTuple):
    text: str
    flush_id: int | None


class CartesiaContext:
    """``run`` sends the audio and then ``done``, and returns. ``expires_s``: after the last audio."""

    def __init__(self, opening: Generation, voice: Voice, send: Send, expires_s: float) -> None:
        self._opening = opening
        self._voice = voice
        self._send = send
        self._expires_s = expires_s
        self._buffer = ""
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._flushes = 0
        self._finished = self._cancelled = False
        self._waiting: asyncio.TimerHandle | None = None

    def add(self, request: Generation) -> None:
        """Raises BadRequest where the context takes no more text, or was opened with other settings."""
        if self._finished or self._cancelled:
            raise BadRequest("the context was closed and takes no more input")
        if request.fixed != self._opening.fixed:
            raise BadRequest("all fields but transcript, continue and flush must stay the same within a context")
        self._buffer += request.transcript
        self._finished = not request.continues
        if request.flush:
            self._flushes += 1
            self._speak(self._flushes)
        elif self._finished or _SENTENCE_END.search(self._buffer):
            self._speak(None)
        elif self._buffer and self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(request.delay_ms / 1000, self._speak, None)
        if self._finished:
            self._jobs.put_nowait(None)

    def cancel(self) -> None:
        self._cancelled, self._buffer = True, ""
        self._stop_waiting()
        while not self._jobs.empty():
            self._jobs.get_nowait()
        self._jobs.put_nowait(None)

    async def run(self) -> None:
        """Raises AudioDropped."""
        spoken = False
        try:
            while (job := await self._next(spoken)) is not None:
                if job.text.strip():
                    await self._generate(job)
                    spoken = True
                if job.flush_id is not None:
                    await self._tell("flush_done", flush_done=True, flush_id=job.flush_id)
        finally:
            self._finished = True
            self._stop_waiting()
        if not self._voice.never_final:
            await self._tell("done", done=True, status_code=_DONE)

    async def _next(self, spoken: bool) -> _Job | None:
        """None: the input has ended, or the context has expired. One that never spoke waits."""
        try:
            async with asyncio.timeout(self._expires_s if spoken else None):
                return await self._jobs.get()
        except TimeoutError:
            return None

    async def _generate(self, job: _Job) -> None:
        began_ms, began_s, at = self._voice.sent_ms, now_s(), 0
        words = [(match.start(), match.group()) for match in _WORD.finditer(job.text)]
        async for chunk in self._voice.speak(job.text):
            if self._opening.timestamps:
                here = [word for word in words if at <= word[0] < at + len(chunk.chars)]
                await self._tell_words(here, began_ms, len(job.text))
            at += len(chunk.chars)
            await self._tell_audio(chunk, job.flush_id, (now_s() - began_s) * 1000)

    async def _tell_words(self, words: list[tuple[int, str]], began_ms: float, length: int) -> None:
        """Seconds from the start of the context's audio. Characters share the audio of their text evenly."""
        if not words:
            return
        per_char_ms = self._voice.text_ms / length
        starts = [(began_ms + at * per_char_ms) / 1000 for at, _ in words]
        ends = [(began_ms + (at + len(word)) * per_char_ms) / 1000 for at, word in words]
        named = {"words": [word for _, word in words], "start": starts, "end": ends}
        await self._tell("timestamps", word_timestamps=named)

    async def _tell_audio(self, chunk: Chunk, flush_id: int | None, step_ms: float) -> None:
        named: dict[str, Any] = {} if flush_id is None else {"flush_id": flush_id}
        await self._tell("chunk", data=base64.b64encode(chunk.audio).decode(), step_time=step_ms, **named)

    async def _tell(self, kind: str, *, done: bool = False, status_code: int = _RUNNING, **rest: Any) -> None:
        named = {"type": kind, "context_id": self._opening.context_id, "done": done, "status_code": status_code}
        await self._send({**named, **rest})

    def _speak(self, flush_id: int | None) -> None:
        self._stop_waiting()
        text, self._buffer = self._buffer, ""
        if text.strip() or flush_id is not None:
            self._jobs.put_nowait(_Job(text, flush_id))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
