"""Several voices in order: the next one speaks when the one before it fails before its first sound."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from agent_core.ports import FailureReason, ProviderError, Speech, SpeechSynthesiser

_FOR_GOOD = frozenset({FailureReason.UNAUTHORISED, FailureReason.MISSING})
PASSED_OVER_S = 20.0  # a voice that failed costs each reply its timeout: it is tried again only after so long


class FallbackVoice:
    """Implements ``SpeechSynthesiser``. A voice that fails in mid-sentence isn't replaced here, but passed over from then on:
    who plays it knows what was heard, and asks for the rest.

    ``name`` is that of the voice that would be asked first now. ``on_failure`` is told of each failure.
    """

    def __init__(
        self,
        voices: Sequence[SpeechSynthesiser],
        on_failure: Callable[[ProviderError], None] = lambda error: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._voices = tuple(voices)
        self._on_failure, self._now_s = on_failure, now_s
        self._passed_over_until_s = [-math.inf] * len(self._voices)

    @property
    def name(self) -> str:
        first = next(iter(self._in_order()), None)
        return "no voice" if first is None else self._voices[first].name

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        """Raises the ``ProviderError`` of the last voice when none makes a sound."""
        last = ProviderError(FailureReason.MISSING, "voice", "no voice is installed")
        for index in self._in_order():
            heard = False
            try:
                async with aclosing(self._voices[index].speak(text)) as pieces:
                    async for piece in pieces:
                        heard = heard or bool(piece.pcm)
                        yield piece
                if heard or not text.strip():
                    return
                last = ProviderError(FailureReason.INVALID, self._voices[index].name, "no audio")
            except ProviderError as error:
                last = error
            self._fail(index, last)
            if heard:
                raise last
        raise last

    async def close(self) -> None:
        for voice in self._voices:
            await voice.close()

    def _in_order(self) -> list[int]:
        """Those that failed a moment ago stand last: should all fail, they are better than silence."""
        now_s = self._now_s()
        return sorted(
            range(len(self._voices)), key=lambda index: (max(0.0, self._passed_over_until_s[index] - now_s), index)
        )

    def _fail(self, index: int, error: ProviderError) -> None:
        for_s = math.inf if error.reason in _FOR_GOOD else max(PASSED_OVER_S, error.retry_after_s or 0.0)
        self._passed_over_until_s[index] = self._now_s() + for_s
        self._on_failure(error)
