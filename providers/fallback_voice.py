"""Several voices in order: the next one speaks when the one before it fails before its first sound."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from agent_core.ports import FailureReason, ProviderError, Speech, SpeechSynthesiser


class FallbackVoice:
    """Implements ``SpeechSynthesiser``. A voice that fails in mid-sentence isn't replaced: half of it was heard."""

    def __init__(self, voices: Sequence[SpeechSynthesiser]) -> None:
        self._voices = tuple(voices)
        self.name = self._voices[0].name if self._voices else "no voice"

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Raises the ``ProviderError`` of the last voice when none makes a sound."""
        last = ProviderError(FailureReason.MISSING, self.name, "no voice is installed")
        for voice in self._voices:
            heard = False
            try:
                async with contextlib.aclosing(voice.speak(text)) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        heard = True
                        yield piece
                return
            except ProviderError as error:
                if heard:
                    raise
                last = error
        raise last

    async def close(self) -> None:
        for voice in self._voices:
            await voice.close()
