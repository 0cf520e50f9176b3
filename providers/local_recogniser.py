"""A recogniser with no key and no network: Silero finds the turns, Whisper writes down what was said in them.

The same audio gives the same turns however fast it is pushed: every time in an event is a position in the audio. Only
how many eager ends are announced depends on the pace, since one that speech has overtaken isn't worth saying.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from agent_core.audio import BYTES_PER_MS
from agent_core.ports import (
    ProviderError,
    RecogniserEvent,
    RecogniserFailed,
    RecogniserSession,
    TurnEnded,
    TurnMaybeEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
    VoiceActivity,
)
from providers.endpointing import Began, Ended, Endpoint, Endpointer, EndpointOptions, Paused, Resumed
from providers.voice_activity import WINDOW_BYTES, WINDOW_MS, open_voice_activity
from providers.whisper import WHISPER_THREAD, Transcriber, Transcript, shared_whisper

PRE_ROLL_MS = 300
"""Audio kept from before the detector was sure: the first consonant is in it."""

_COMMIT_AFTER_MS = 12_000  # a turn longer than this goes on as a new piece after its next pause
_CUT_AFTER_MS = 27_000  # and one without a pause is cut here: Whisper hears 30 s at most
_CUT_BACK_MS = 6_000  # at the least likely moment of speech within the last so many ms
_WAITING_STEPS = 16  # what may be waiting for Whisper before ``push`` holds back audio pushed faster than real time

_Job = asyncio.Task[Transcript]


class LocalRecogniser:
    """Holds no state of a call. ``transcriber`` and ``voice_activity`` replace the models (tests, other weights)."""

    name = "local-recogniser"

    def __init__(
        self,
        *,
        options: EndpointOptions | None = None,
        prompt: str = "",
        transcriber: Transcriber | None = None,
        voice_activity: Callable[[], VoiceActivity] = open_voice_activity,
    ) -> None:
        self._options = options or EndpointOptions()
        self._prompt = prompt
        self._transcriber = transcriber
        self._voice_activity = voice_activity

    async def open(self) -> RecogniserSession:
        """Loads the model the first time (0.5 s). Raises ``ProviderError(MISSING)`` saying what to install."""
        loop = asyncio.get_running_loop()
        transcriber = self._transcriber
        if transcriber is None:
            transcriber = await loop.run_in_executor(WHISPER_THREAD, shared_whisper, self._prompt)
        return LocalRecogniserSession(transcriber, self._voice_activity(), self._options)

    async def close(self) -> None:
        """Nothing to let go: the model stays for the next call of the process."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """The turn may be over; ``job`` writes down its last piece."""

    endpoint: Paused
    job: _Job


@dataclass(frozen=True, slots=True)
class _Piece:
    """The turn goes on, and what ``job`` wrote down stays: it is heard no second time."""

    job: _Job
    at_ms: float


_Step = Began | _Pause | Resumed | _Piece | Ended


class LocalRecogniserSession:
    """One call. ``push`` decides what happened from the audio, in order; a task turns that into events, in order.

    A turn without a word in it (a cough, a slammed door that sounds like a voice) ends as ``TurnEnded`` with an empty
    text and confidence 0: the caller had begun (``TurnStarted`` was said), and then said nothing.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        voice_activity: VoiceActivity,
        options: EndpointOptions,
        executor: Executor = WHISPER_THREAD,
    ) -> None:
        self._transcriber = transcriber
        self._voice_activity = voice_activity
        self._executor = executor
        self._endpointer = Endpointer(options)
        self._audio = _AudioTail()
        self._unjudged = bytearray()
        self._piece_from_ms: float | None = None  # where the audio of the turn's current piece begins
        self._probabilities: list[float] = []  # of the piece's windows
        self._job: _Job | None = None
        self._steps: asyncio.Queue[_Step] = asyncio.Queue(_WAITING_STEPS)
        self._events: asyncio.Queue[RecogniserEvent | None] = asyncio.Queue()
        self._jobs: set[_Job] = set()
        self._turns = asyncio.get_running_loop().create_task(self._tell_turns())
        self._turns.add_done_callback(self._end)
        self._quiet_ms = PRE_ROLL_MS + options.min_speech_ms + 2 * WINDOW_MS  # kept while nobody speaks

    async def push(self, pcm: bytes) -> None:
        self._unjudged += pcm
        while len(self._unjudged) >= WINDOW_BYTES and not self._turns.done():
            window = bytes(self._unjudged[:WINDOW_BYTES])
            del self._unjudged[:WINDOW_BYTES]
            await self._take_window(window)

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        while (event := await self._events.get()) is not None:
            yield event
        if self._turns.done() and not self._turns.cancelled():
            self._turns.result()

    async def close(self) -> None:
        """Ends ``events``; a turn that isn't over is forgotten."""
        for task in (self._turns, *self._jobs):
            task.cancel()
        await asyncio.wait([self._turns, *self._jobs])

    async def _take_window(self, window: bytes) -> None:
        start_ms = self._audio.end_ms
        self._audio.append(window)
        probability = self._voice_activity.push(window)
        endpoint = self._endpointer.step(probability, start_ms, self._audio.end_ms)
        if self._piece_from_ms is not None:
            self._probabilities.append(probability)
        if endpoint is not None:
            await self._take_endpoint(endpoint)
        elif self._piece_from_ms is not None and self._audio.end_ms - self._piece_from_ms >= _CUT_AFTER_MS:
            await self._cut(self._piece_from_ms)
        if self._piece_from_ms is None:
            self._audio.forget_before(self._audio.end_ms - self._quiet_ms)

    async def _take_endpoint(self, endpoint: Endpoint) -> None:
        match endpoint:
            case Began():
                self._begin_piece(endpoint.speech_start_ms - PRE_ROLL_MS)
                await self._steps.put(endpoint)
            case Paused():
                self._job = self._transcribe(self._audio.between(self._piece_from_ms or 0.0, self._audio.end_ms))
                await self._steps.put(_Pause(endpoint, self._job))
            case Resumed():
                await self._resume(endpoint)
            case Ended():
                self._piece_from_ms, self._probabilities = None, []
                await self._steps.put(endpoint)

    async def _resume(self, endpoint: Resumed) -> None:
        job, from_ms = self._job, self._piece_from_ms
        if job is None or from_ms is None:
            return
        if endpoint.at_ms - from_ms < _COMMIT_AFTER_MS:
            job.cancel()  # overtaken: the whole piece is heard again at the next pause
            await self._steps.put(endpoint)
            return
        self._begin_piece(endpoint.at_ms - PRE_ROLL_MS)
        await self._steps.put(endpoint)
        await self._steps.put(_Piece(job, endpoint.at_ms))

    async def _cut(self, from_ms: float) -> None:
        """A turn without a pause: what has been said so far becomes a piece."""
        windows = _CUT_BACK_MS // WINDOW_MS
        recent = self._probabilities[-windows:]
        behind = len(recent) - 1 - recent.index(min(recent))
        cut_ms = self._audio.end_ms - behind * WINDOW_MS
        job = self._transcribe(self._audio.between(from_ms, cut_ms))
        self._begin_piece(cut_ms)
        await self._steps.put(_Piece(job, self._audio.end_ms))

    def _begin_piece(self, from_ms: float) -> None:
        self._piece_from_ms = max(0.0, from_ms)
        self._probabilities = []
        self._audio.forget_before(self._piece_from_ms)

    def _transcribe(self, pcm: bytes) -> _Job:
        loop = asyncio.get_running_loop()

        async def run() -> Transcript:
            return await loop.run_in_executor(self._executor, self._transcriber.transcribe, pcm)

        job = loop.create_task(run())
        self._jobs.add(job)
        job.add_done_callback(self._forget)
        return job

    def _forget(self, job: _Job) -> None:
        """Its failure is told by the step that waits for it; where the session is over, nobody does."""
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()

    async def _tell_turns(self) -> None:
        """The events, in the order of the audio. A failure of the transcriber is told and ends the session."""
        turn = _Turn()
        while True:
            step = await self._steps.get()
            if isinstance(step, _Pause | _Piece):
                await asyncio.wait([step.job])
                if step.job.cancelled():
                    continue
                if isinstance(error := step.job.exception(), ProviderError):
                    self._events.put_nowait(RecogniserFailed(error))
                    return
            if isinstance(step, Began):
                turn = _Turn()
            event = turn.after(step)
            if event is not None:
                self._events.put_nowait(event)

    def _end(self, _: object) -> None:
        """Ends ``events`` and lets a ``push`` go that waited for room."""
        self._events.put_nowait(None)
        while not self._steps.empty():
            self._steps.get_nowait()


class _Turn:
    """The words of the turn so far, and what has been announced of them."""

    def __init__(self) -> None:
        self._pieces: list[Transcript] = []
        self._last: Transcript | None = None
        self._announced: str | None = None

    def after(self, step: _Step) -> RecogniserEvent | None:
        match step:
            case Began(at_ms=at_ms):
                return TurnStarted(at_ms)
            case _Pause(endpoint=paused, job=job):
                self._last = job.result()
                text, confidence = self._said()
                if not text:
                    return None
                self._announced = text
                return TurnMaybeEnded(text, confidence, paused.speech_end_ms, paused.at_ms)
            case Resumed(at_ms=at_ms):
                announced, self._announced, self._last = self._announced, None, None
                return None if announced is None else TurnResumed(announced, at_ms)
            case _Piece(job=job, at_ms=at_ms):
                self._pieces.append(job.result())
                text, _ = self._said()
                return TurnUpdated(text, at_ms) if text else None
            case Ended(speech_end_ms=speech_end_ms, at_ms=at_ms):
                text, confidence = self._said()
                return TurnEnded(text, confidence, speech_end_ms, at_ms)

    def _said(self) -> tuple[str, float]:
        heard = [piece for piece in (*self._pieces, self._last) if piece is not None and piece.text]
        text = " ".join(piece.text for piece in heard)
        return text, min((piece.confidence for piece in heard), default=0.0)


class _AudioTail:
    """The end of the pushed audio, addressed by its position from the first sample on."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._begins_at_bytes = 0

    @property
    def end_ms(self) -> float:
        return (self._begins_at_bytes + len(self._pcm)) / BYTES_PER_MS

    def append(self, pcm: bytes) -> None:
        self._pcm += pcm

    def between(self, from_ms: float, to_ms: float) -> bytes:
        return bytes(self._pcm[self._index(from_ms) : self._index(to_ms)])

    def forget_before(self, from_ms: float) -> None:
        index = self._index(from_ms)
        del self._pcm[:index]
        self._begins_at_bytes += index

    def _index(self, at_ms: float) -> int:
        """Of the sample at that time, on a whole sample, within what is kept."""
        at_bytes = int(at_ms) * BYTES_PER_MS - self._begins_at_bytes
        return min(max(0, at_bytes), len(self._pcm))
