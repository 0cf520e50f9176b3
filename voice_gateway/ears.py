"""The agent's ears: a recogniser for the words, voice activity for the moment when the caller begins to speak.

The recogniser decides what a turn is. Voice activity is there for two things that can't wait for it: stopping the agent
when the caller speaks over it, and knowing that somebody spoke though the recogniser is gone.

A recogniser that is lost in mid-turn is replaced, and its successor hears the turn from its beginning: the audio is kept
until its words are known. Of a turn too long for that, what is known of the words is told as an utterance of its own, and the
successor hears what came behind them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from agent_core.ports import (
    FRAME_MS,
    FailureReason,
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
OPENING_S = 1.5  # how long a recogniser that has an understudy may take to open in mid-call: nobody listens meanwhile
DEAF_FOR_MS = 1500  # with no recogniser for so long, what is known of the caller's words must do
MOST_LOSSES = 2  # in one call, before a recogniser is tried only after all others
PRE_ROLL_MS = 500  # of what was heard before speech was noticed: the first word is in it
MOST_KEPT_MS = 60_000  # of a turn, for the recogniser that takes it over: 1.9 MB
_HOPELESS = frozenset({FailureReason.UNAUTHORISED, FailureReason.MISSING})


class Ear(NamedTuple):
    """What the ears tell, with positions on the gateway's clock in ms."""

    began: Callable[[], None]
    maybe_ended: Callable[[str, float, float | None], None]
    ended: Callable[[str, float, float | None], None]
    resumed: Callable[[], None]
    dismissed: Callable[[], None]
    voice: Callable[[bool], None]  # whether the caller's voice is heard, as it changes after ``began``
    words: Callable[[str], None]  # all that is known of them so far


class _Heard(StrEnum):
    NOTHING = "nothing"
    SPEECH = "speech"  # by voice activity or by the recogniser
    WORDS = "words"  # the recogniser gave an end of turn, eager or not


class Ears:
    """``now_ms`` is the gateway's clock. ``recognisers``: tried in order when one fails. ``on_failure``: told of each."""

    def __init__(
        self,
        recognisers: list[SpeechRecogniser],
        voice_activity: VoiceActivity,
        ear: Ear,
        now_ms: Callable[[], float],
        on_failure: Callable[[ProviderError], None] = lambda error: None,
    ) -> None:
        self._recognisers, self._activity, self._ear, self._now_ms = recognisers, voice_activity, ear, now_ms
        self._on_failure = on_failure
        self._losses = dict.fromkeys(range(len(recognisers)), 0)
        self._open_index = 0
        self._session: RecogniserSession | None = None
        self._listening: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._session_began_ms: float | None = None
        self._kept: deque[bytes] = deque()  # frames of the turn so far, or of the moment before one
        self._beginning_kept = True
        self._backlog: deque[bytes] | None = None  # what a successor has to hear first
        self._speech_ms = 0
        self._silence_ms = 0
        self._heard = _Heard.NOTHING
        self._voice = False
        self._partial = ""
        self._partial_to_ms = 0.0  # where in the session's audio it ends
        self._deaf_since_ms: float | None = None
        self._speech_ended_ms = 0.0

    async def open(self) -> None:
        """Raises ``ProviderError`` of the last recogniser when none can be opened."""
        self._session = await self._open_any()
        self._listening = asyncio.create_task(self._listen(self._session))

    async def close(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def push(self, frame: bytes) -> None:
        """One frame of the caller's sound. Raises what went wrong where the recogniser's events are taken: a bug."""
        if self._listening and self._listening.done() and not self._listening.cancelled():
            self._listening.result()
        now_ms = self._now_ms()
        if self._session_began_ms is None:
            self._session_began_ms = now_ms - FRAME_MS
        self._keep(frame)
        self._notice(self._activity.push(frame), now_ms)
        if self._backlog is not None:
            self._backlog.append(frame)
        elif self._session:
            await self._hand_on(self._session, frame)

    def _keep(self, frame: bytes) -> None:
        self._kept.append(frame)
        quiet = self._heard is _Heard.NOTHING and self._speech_ms == 0
        most = (PRE_ROLL_MS if quiet else MOST_KEPT_MS) // FRAME_MS
        while len(self._kept) > most:
            self._kept.popleft()
            self._beginning_kept = quiet

    async def _hand_on(self, session: RecogniserSession, frame: bytes) -> None:
        try:
            await session.push(frame)
        except ProviderError as error:
            self._lose(session, error)

    # --- voice activity ---

    def _notice(self, probability: float, now_ms: float) -> None:
        if probability >= SPEECH_PROBABILITY:
            self._speech_ms += FRAME_MS
            self._silence_ms = 0
            if self._speech_ms == SPEECH_AFTER_MS and self._heard is _Heard.NOTHING:
                self._begin()
            elif self._speech_ms >= SPEECH_AFTER_MS and not self._voice:
                self._voice = True
                self._ear.voice(True)
            return
        if self._silence_ms == 0:
            self._speech_ended_ms = now_ms
        self._silence_ms += FRAME_MS
        if self._silence_ms >= SPEECH_AFTER_MS:
            self._speech_ms = 0
            if self._voice:
                self._voice = False
                self._ear.voice(False)
        if self._heard is not _Heard.SPEECH:
            return
        if self._deaf_for_ms(now_ms) >= DEAF_FOR_MS and self._silence_ms >= SILENCE_AFTER_MS:
            # Nobody wrote it down. What is known of it is answered, if only by asking to say it again.
            self._end(self._partial, self._speech_ended_ms, None)
        elif self._silence_ms >= UNHEARD_AFTER_MS:
            self._forget()
            self._ear.dismissed()

    def _deaf_for_ms(self, now_ms: float) -> float:
        return 0.0 if self._deaf_since_ms is None else now_ms - self._deaf_since_ms

    # --- the recogniser ---

    async def _listen(self, session: RecogniserSession) -> None:
        async for event in session.events():
            self._on_event(event, session)
        gone = ProviderError(FailureReason.UNAVAILABLE, self._recognisers[self._open_index].name, "its events ended")
        self._lose(session, gone)

    def _on_event(self, event: RecogniserEvent, session: RecogniserSession) -> None:
        if isinstance(event, TurnStarted):
            if self._heard is _Heard.NOTHING:
                self._begin()
        elif isinstance(event, TurnUpdated):
            self._partial, self._partial_to_ms = event.text, event.audio_ms
            if event.text.strip():
                self._ear.words(event.text)
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
                self._forget()
                self._ear.dismissed()
        elif isinstance(event, RecogniserFailed):
            self._lose(session, event.error)

    def _begin(self) -> None:
        self._heard, self._voice = _Heard.SPEECH, True
        self._ear.began()

    def _forget(self) -> None:
        self._heard, self._partial = _Heard.NOTHING, ""
        self._kept.clear()
        self._beginning_kept = True

    def _end(self, text: str, speech_ended_ms: float, confidence: float | None) -> None:
        self._forget()
        self._ear.ended(text, speech_ended_ms, confidence)

    def _ended_at(self, audio_ms: float | None) -> float:
        """Where the vendor says nothing of the end of speech, voice activity knows it."""
        if audio_ms is None or self._session_began_ms is None:
            return self._speech_ended_ms or self._now_ms()
        return min(self._session_began_ms + audio_ms, self._now_ms())

    # --- losing the recogniser ---

    def _lose(self, session: RecogniserSession, error: ProviderError) -> None:
        if session is not self._session:  # it was let go already
            return
        self._fail(self._open_index, error)
        self._session, self._backlog, self._deaf_since_ms = None, None, self._now_ms()
        if self._heard is _Heard.WORDS:  # it said what the turn was, and took no word back
            self._end(self._partial, self._speech_ended_ms, None)
        elif self._partial and not self._beginning_kept:
            self._end_at_what_is_known()
        self._leave(asyncio.create_task(session.close()))
        if self._listening:
            self._leave(self._listening)
        self._listening = asyncio.create_task(self._reopen())

    def _end_at_what_is_known(self) -> None:
        """The turn's first words are kept as words alone: they are told, and what came behind them is a turn of its own."""
        behind_ms = self._now_ms() - (self._session_began_ms or 0.0) - self._partial_to_ms
        unknown = list(self._kept)[-max(1, round(behind_ms / FRAME_MS)) :]
        self._end(self._partial, self._now_ms() - behind_ms, None)
        self._kept.extend(unknown)
        if self._voice:
            self._begin()

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _reopen(self) -> None:
        while True:
            try:
                session = await self._open_any(OPENING_S)
            except ProviderError:
                await asyncio.sleep(REOPEN_S)
                continue
            self._session, self._deaf_since_ms = session, None
            await self._tell_so_far(session)
            await self._listen(session)
            return

    async def _tell_so_far(self, session: RecogniserSession) -> None:
        """The successor hears the turn that was lost, from its beginning; its positions count from there."""
        self._session_began_ms = self._now_ms() - len(self._kept) * FRAME_MS
        self._backlog = backlog = deque(self._kept)  # frames go on coming meanwhile
        while backlog:
            await self._hand_on(session, backlog.popleft())
        self._backlog = None

    async def _open_any(self, patience_s: float | None = None) -> RecogniserSession:
        """``patience_s``: for each recogniser behind which another one stands."""
        order = sorted(self._losses, key=lambda index: (self._losses[index] >= MOST_LOSSES, index))
        last: ProviderError | None = None
        for index in order:
            recogniser = self._recognisers[index]
            try:
                async with asyncio.timeout(None if index == order[-1] else patience_s):
                    session = await recogniser.open()
            except TimeoutError:
                last = ProviderError(FailureReason.TIMED_OUT, recogniser.name, "it didn't open in time")
            except ProviderError as error:
                last = error
            else:
                self._open_index = index
                return session
            self._fail(index, last)
        assert last is not None, "a gateway needs a recogniser"
        raise last

    def _fail(self, index: int, error: ProviderError) -> None:
        _LOG.info("a recogniser failed: %s", error)
        self._losses[index] += MOST_LOSSES if error.reason in _HOPELESS else 1
        self._on_failure(error)
