"""The agent's ears: a recogniser for the words, voice activity for the moment when the caller begins to speak.

The recogniser decides what a turn is. Voice activity is there for two things that can't wait for it: stopping the agent
when the caller speaks over it, and knowing that somebody spoke though the recogniser is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from agent_core.ports import (
    FRAME_MS,
    ProviderError,
    RecogniserEvent,
    RecogniserFailed,
    RecogniserSession,
    SpeechRecogniser,
    TurnEnded,
    TurnMaybeEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
    VoiceActivity,
)

_LOG = logging.getLogger(__name__)

SPEECH_PROBABILITY = 0.5
SPEECH_AFTER_MS = 160  # voice activity for so long is speech: shorter bursts are clicks and coughs
SILENCE_AFTER_MS = 500
UNHEARD_AFTER_MS = 4000  # speech ended so long ago and the recogniser said nothing of it
REOPEN_S = 0.5


class Ear(NamedTuple):
    """What the ears tell, with positions on the gateway's clock in ms."""

    began: Callable[[], None]
    maybe_ended: Callable[[str, float, float | None], None]
    ended: Callable[[str, float, float | None], None]
    resumed: Callable[[], None]
    dismissed: Callable[[], None]


class _Heard(StrEnum):
    NOTHING = "nothing"
    SPEECH = "speech"  # by voice activity or by the recogniser
    WORDS = "words"  # the recogniser gave an end of turn, eager or not


class Ears:
    """``now_ms`` is the gateway's clock. ``recognisers``: tried in order when one fails."""

    def __init__(
        self,
        recognisers: list[SpeechRecogniser],
        voice_activity: VoiceActivity,
        ear: Ear,
        now_ms: Callable[[], float],
    ) -> None:
        self._recognisers, self._activity, self._ear, self._now_ms = recognisers, voice_activity, ear, now_ms
        self._session: RecogniserSession | None = None
        self._listening: asyncio.Task[None] | None = None
        self._session_began_ms: float | None = None
        self._speech_ms = 0
        self._silence_ms = 0
        self._heard = _Heard.NOTHING
        self._partial = ""
        self._deaf = False
        self._speech_ended_ms = 0.0
        self.failures: list[str] = []

    async def open(self) -> None:
        """Raises ``ProviderError`` of the last recogniser when none can be opened."""
        self._session = await self._open_any()
        self._listening = asyncio.create_task(self._listen(self._session))

    async def close(self) -> None:
        if self._session:
            await self._session.close()
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def push(self, frame: bytes) -> None:
        """One frame of the caller's sound."""
        now_ms = self._now_ms()
        if self._session_began_ms is None:
            self._session_began_ms = now_ms - FRAME_MS
        self._notice(self._activity.push(frame), now_ms)
        if self._session:
            try:
                await self._session.push(frame)
            except ProviderError as error:
                self._lose(error)

    # --- voice activity ---

    def _notice(self, probability: float, now_ms: float) -> None:
        if probability >= SPEECH_PROBABILITY:
            self._speech_ms += FRAME_MS
            self._silence_ms = 0
            if self._speech_ms == SPEECH_AFTER_MS and self._heard is _Heard.NOTHING:
                self._heard = _Heard.SPEECH
                self._ear.began()
            return
        if self._silence_ms == 0:
            self._speech_ended_ms = now_ms
        self._silence_ms += FRAME_MS
        if self._silence_ms >= SPEECH_AFTER_MS:
            self._speech_ms = 0
        if self._heard is not _Heard.SPEECH:
            return
        if self._deaf and self._silence_ms >= SILENCE_AFTER_MS:
            # Nobody wrote it down. What is known of it is answered, if only by asking to say it again.
            self._end(self._partial, self._speech_ended_ms, None)
        elif self._silence_ms >= UNHEARD_AFTER_MS:
            self._heard = _Heard.NOTHING
            self._ear.dismissed()

    # --- the recogniser ---

    async def _listen(self, session: RecogniserSession) -> None:
        async for event in session.events():
            self._on_event(event)

    def _on_event(self, event: RecogniserEvent) -> None:
        if isinstance(event, TurnStarted):
            if self._heard is _Heard.NOTHING:
                self._heard = _Heard.SPEECH
                self._ear.began()
        elif isinstance(event, TurnUpdated):
            self._partial = event.text
        elif isinstance(event, TurnMaybeEnded):
            self._heard, self._partial = _Heard.WORDS, event.text
            self._ear.maybe_ended(event.text, self._ended_at(event.speech_end_ms), event.confidence)
        elif isinstance(event, TurnResumed):
            self._heard = _Heard.SPEECH
            self._ear.resumed()
        elif isinstance(event, TurnEnded):
            if event.text.strip():
                self._end(event.text, self._ended_at(event.speech_end_ms), event.confidence)
            elif self._heard is not _Heard.NOTHING:
                self._heard, self._partial = _Heard.NOTHING, ""
                self._ear.dismissed()
        elif isinstance(event, RecogniserFailed):
            self._lose(event.error)

    def _end(self, text: str, speech_ended_ms: float, confidence: float | None) -> None:
        self._heard, self._partial = _Heard.NOTHING, ""
        self._ear.ended(text, speech_ended_ms, confidence)

    def _ended_at(self, audio_ms: float | None) -> float:
        """Where the vendor says nothing of the end of speech, voice activity knows it."""
        if audio_ms is None or self._session_began_ms is None:
            return self._speech_ended_ms or self._now_ms()
        return min(self._session_began_ms + audio_ms, self._now_ms())

    # --- losing the recogniser ---

    def _lose(self, error: ProviderError) -> None:
        if self._deaf:
            return
        _LOG.warning("the recogniser is gone in mid-call: %s", error)
        self.failures.append(error.reason.value)
        self._deaf, self._session = True, None
        self._listening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        while True:
            try:
                session = await self._open_any()
            except ProviderError:
                await asyncio.sleep(REOPEN_S)
                continue
            self._session, self._session_began_ms, self._deaf = session, None, False
            await self._listen(session)
            return

    async def _open_any(self) -> RecogniserSession:
        last: ProviderError | None = None
        for recogniser in self._recognisers:
            try:
                return await recogniser.open()
            except ProviderError as error:
                last = error
                self.failures.append(error.reason.value)
        assert last is not None, "a gateway needs a recogniser"
        raise last
