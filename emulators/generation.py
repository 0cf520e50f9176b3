"""Streamed text into spoken audio: what is buffered, when it is generated, and what is sent for it.

ElevenLabs generates once the buffer has reached the next length of ``chunk_length_schedule``, or when it is told to
(``flush``, ``try_trigger_generation``, ``auto_mode``).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from emulators.speaking import Voice
from emulators.voice import Chunk

DEFAULT_SCHEDULE = (120, 160, 250, 290)

Send = Callable[[dict[str, Any]], Awaitable[None]]


class TextBuffer:
    """Text that waits for enough of it."""

    def __init__(self, schedule: Sequence[int] = DEFAULT_SCHEDULE) -> None:
        self._schedule = tuple(schedule) or DEFAULT_SCHEDULE
        self._generated = 0
        self._text = ""

    def add(self, text: str, *, at_once: bool) -> str | None:
        """The text to generate now, if it is time."""
        self._text += text if self._text else text.lstrip()  # the opening " " and signs of life aren't spoken
        enough = self._schedule[min(self._generated, len(self._schedule) - 1)]
        return self.take() if at_once or len(self._text) >= enough else None

    def take(self) -> str | None:
        """All that is buffered; None where that is blank."""
        text, self._text = self._text, ""
        if not text.strip():
            return None
        self._generated += 1
        return text


class Context:
    """One stream of text on a socket. ``run`` sends its audio, then the final message, and returns."""

    def __init__(self, context_id: str | None, voice: Voice, send: Send, schedule: Sequence[int]) -> None:
        self._id = context_id
        self._voice = voice
        self._send = send
        self._buffer = TextBuffer(schedule)
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self._finishing = False

    def add(self, text: str, *, at_once: bool) -> None:
        """Take text. After ``finish`` it is ignored, as the vendor does."""
        if not self._finishing:
            self._generate(self._buffer.add(text, at_once=at_once))

    def finish(self, *, generate_rest: bool) -> None:
        """No more text comes. What was already given to generation is still spoken."""
        if self._finishing:
            return
        self._finishing = True
        if generate_rest:
            self._generate(self._buffer.take())
        self._texts.put_nowait(None)

    async def run(self) -> None:
        """Raises AudioDropped."""
        while (text := await self._texts.get()) is not None:
            async for chunk in self._voice.speak(text):
                await self._send(self._audio(chunk))
        if not self._voice.never_final:
            await self._send(self._named({"audio": None, "isFinal": True}))

    def _generate(self, text: str | None) -> None:
        if text is not None:
            self._texts.put_nowait(text)

    def _audio(self, chunk: Chunk) -> dict[str, Any]:
        alignment = chunk.alignment()
        message = {
            "audio": base64.b64encode(chunk.audio).decode(),
            "isFinal": None,
            "alignment": alignment,
            "normalizedAlignment": alignment,
        }
        return self._named(message)

    def _named(self, message: dict[str, Any]) -> dict[str, Any]:
        # Both spellings are met in the wild; clients read one or the other.
        return message if self._id is None else {**message, "contextId": self._id, "context_id": self._id}
