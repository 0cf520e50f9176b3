"""One call's share of a voice: what is spoken and what is rendered ahead, and no third rendering beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent_core.ports import Speech, SpeechSynthesiser
from providers.voice_contexts import OPEN_AT_ONCE


class CallVoice:
    """Implements ``SpeechSynthesiser`` for one call, over the voice that all calls share.

    A third text waits until one of the two before it is rendered or given up; vendors render faster than speech, so
    that is seldom long. Closing it leaves the shared voice open.
    """

    def __init__(self, voice: SpeechSynthesiser) -> None:
        self._voice = voice
        self._free = asyncio.Semaphore(OPEN_AT_ONCE)

    @property
    def name(self) -> str:
        return self._voice.name

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        """Raises ``ProviderError`` from the voice."""
        async with self._free, aclosing(self._voice.speak(text)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Nothing is held between two texts."""
