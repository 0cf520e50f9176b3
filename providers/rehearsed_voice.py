"""A voice that has rehearsed some lines: what was rendered beforehand is said at once, the rest as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent_core.ports import Speech, SpeechSynthesiser
from providers.phrase_store import PhraseStore


class RehearsedVoice:
    """Implements ``SpeechSynthesiser`` over another one and the phrases that ``store`` has at hand."""

    def __init__(self, voice: SpeechSynthesiser, store: PhraseStore) -> None:
        self._voice, self._store = voice, store

    @property
    def name(self) -> str:
        return self._voice.name

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        """Raises ``ProviderError`` from the voice, for a line that wasn't rehearsed."""
        ready = self._store.ready(text)
        if ready is not None:
            yield Speech(ready)
            return
        async with aclosing(self._voice.speak(text)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._voice.close()
