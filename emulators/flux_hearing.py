"""What the emulated recogniser hears in a turn: a script, or a real recogniser on the turn's audio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from emulators.config import Utterance
from emulators.flux_turns import Event, Happening

Recognise = Callable[[bytes], str]  # PCM16, 16 kHz, mono, one turn -> what was said
_BYTES_PER_MS = 32
_LEAD_IN_MS = 300  # audio kept before speech was noticed
_DECIDED = (Event.EAGER, Event.END)


class Hearing(Protocol):
    def can_start(self, turn: int) -> bool:
        """Whether speech opens this turn."""
        ...

    def duration_ms(self, turn: int) -> float:
        """Audio that the turn has to last at least."""
        ...

    def push(self, pcm: bytes) -> None: ...

    async def words(self, happening: Happening) -> list[str]:
        """All words of the turn so far, as far as they are known at this happening."""
        ...


class ScriptedHearing:
    """Turn after turn the next utterance; its words show up at a steady rate until the turn seems over."""

    def __init__(self, utterances: Sequence[Utterance], words_per_s: float, first: int = 0) -> None:
        self._utterances = utterances
        self._words_per_s = words_per_s
        self._first = first
        self._shown = (-1, 0)  # the turn, and how many of its words were shown

    def can_start(self, turn: int) -> bool:
        return self._first + turn < len(self._utterances)

    def duration_ms(self, turn: int) -> float:
        return self._utterances[self._first + turn].duration_ms or 0.0

    def push(self, pcm: bytes) -> None:
        """The script doesn't listen."""

    async def words(self, happening: Happening) -> list[str]:
        if happening.speech_start_ms is None:
            return []
        utterance = self._utterances[self._first + happening.turn]
        words = utterance.text.split()
        if happening.short:
            count = max(1, len(words) - 1)
        elif happening.event in _DECIDED:
            count = len(words)
        else:
            elapsed_ms = happening.audio_ms - happening.speech_start_ms
            rate = self._words_per_s / 1000 if utterance.duration_ms is None else len(words) / utterance.duration_ms
            count = min(max(1, int(elapsed_ms * rate)), len(words))
        turn, shown = self._shown
        if happening.turn == turn and not happening.short:
            count = max(count, shown)  # what was heard isn't unheard
        self._shown = (happening.turn, count)
        return words[:count]


class RecognisedHearing:
    """A real recogniser, asked when the turn seems over: Updates repeat what it said last."""

    def __init__(self, recognise: Recognise) -> None:
        self._recognise = recognise
        self._pcm = bytearray()
        self._pcm_from_ms = 0.0
        self._known: tuple[int, float | None, list[str]] = (-1, None, [])  # turn, end of speech, words

    def can_start(self, turn: int) -> bool:
        return True

    def duration_ms(self, turn: int) -> float:
        return 0.0

    def push(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def words(self, happening: Happening) -> list[str]:
        start_ms = happening.speech_start_ms
        if start_ms is None:
            self._forget_before(happening.audio_ms - _LEAD_IN_MS)
            return []
        turn, end_ms, words = self._known
        if turn != happening.turn:
            words, end_ms = [], None
        if happening.event in _DECIDED and end_ms != happening.speech_end_ms:
            self._forget_before(max(start_ms - _LEAD_IN_MS, happening.window_start_ms))
            words = (await asyncio.to_thread(self._recognise, bytes(self._pcm))).split()
            end_ms = happening.speech_end_ms
        self._known = (happening.turn, end_ms, words)
        return words[: max(1, len(words) - 1)] if happening.short else words

    def _forget_before(self, position_ms: float) -> None:
        drop_ms = int(position_ms - self._pcm_from_ms)
        if drop_ms > 0:
            del self._pcm[: drop_ms * _BYTES_PER_MS]
            self._pcm_from_ms += drop_ms
