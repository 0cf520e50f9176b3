"""The recogniser's turns, with a voice detector and a transcriber that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from agent_core.audio import pcm_silence
from agent_core.ports import (
    FailureReason,
    ProviderError,
    RecogniserEvent,
    RecogniserFailed,
    TurnEnded,
    TurnMaybeEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
)
from providers.local_recogniser import PRE_ROLL_MS, LocalRecogniser
from providers.whisper import NOTHING_SAID, Transcript
from simulation.virtual_loop import run_virtual as run

FRAME_BYTES = 640


class Loudness:
    """A voice is what is louder than 1000; the loudness names what is said."""

    def push(self, pcm: bytes) -> float:
        return 0.9 if np.abs(np.frombuffer(pcm, "<i2")).max() > 1000 else 0.0

    def reset(self) -> None:
        pass


class Scribe:
    """Writes down the distinct loudnesses that it hears, in order; 9000 is a cough."""

    def __init__(self) -> None:
        self.heard_ms: list[float] = []

    def transcribe(self, pcm: bytes) -> Transcript:
        samples = np.frombuffer(pcm, "<i2")
        self.heard_ms.append(len(samples) / 16)
        changes = samples[np.flatnonzero(np.diff(samples, prepend=0))]
        words = [f"w{level // 1000}" for level in changes if level > 1000 and level != 9000]
        return Transcript(" ".join(words), 0.9) if words else NOTHING_SAID


def say(word: int, duration_ms: int) -> bytes:
    return np.full(16 * duration_ms, word * 1000, "<i2").tobytes()


def hear(pcm: bytes, scribe: Scribe | None = None, *, pace: bool = True) -> list[RecogniserEvent]:
    """Push it frame by frame; ``pace`` lets the session work between the frames, as real time does."""

    async def scenario() -> list[RecogniserEvent]:
        session = await LocalRecogniser(transcriber=scribe or Scribe(), voice_activity=Loudness).open()
        events: list[RecogniserEvent] = []

        async def read() -> None:
            async for event in session.events():
                events.append(event)

        reading = asyncio.get_running_loop().create_task(read())
        for start in range(0, len(pcm), FRAME_BYTES):
            await session.push(pcm[start : start + FRAME_BYTES])
            if pace:
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        await session.close()
        await reading
        return events

    return run(scenario())


def kinds(events: list[RecogniserEvent]) -> list[type]:
    return [type(event) for event in events]


def test_one_utterance_is_started_maybe_ended_and_ended_with_the_same_text_heard_once() -> None:
    scribe = Scribe()
    events = hear(pcm_silence(1000) + say(2, 1024) + pcm_silence(1000), scribe)

    assert kinds(events) == [TurnStarted, TurnMaybeEnded, TurnEnded]
    started, maybe, ended = events
    assert isinstance(started, TurnStarted)
    assert isinstance(maybe, TurnMaybeEnded)
    assert isinstance(ended, TurnEnded)
    assert started.audio_ms == pytest.approx(1000 + 96, abs=32)
    assert (maybe.text, maybe.confidence) == (ended.text, ended.confidence) == ("w2", 0.9)
    assert maybe.speech_end_ms == ended.speech_end_ms == pytest.approx(2024, abs=32)
    assert maybe.audio_ms - maybe.speech_end_ms == 192
    assert ended.audio_ms - ended.speech_end_ms == 512
    assert len(scribe.heard_ms) == 1


def test_the_transcriber_hears_a_little_of_what_was_before() -> None:
    scribe = Scribe()
    hear(pcm_silence(2048) + say(2, 1024) + pcm_silence(1000), scribe)
    assert scribe.heard_ms == [pytest.approx(PRE_ROLL_MS + 1024 + 192, abs=32)]


def test_speech_that_resumes_takes_the_eager_end_back_and_is_heard_whole() -> None:
    events = hear(say(2, 1024) + pcm_silence(320) + say(3, 1024) + pcm_silence(1000))
    assert kinds(events) == [TurnStarted, TurnMaybeEnded, TurnResumed, TurnMaybeEnded, TurnEnded]
    assert [event.text for event in events[1:]] == ["w2", "w2", "w2 w3", "w2 w3"]


def test_an_eager_end_that_speech_has_overtaken_is_not_told() -> None:
    """All at once: by the time the first half is written down, the second is known to follow."""
    scribe = Scribe()
    events = hear(say(2, 1024) + pcm_silence(320) + say(3, 1024) + pcm_silence(1000), scribe, pace=False)
    assert kinds(events) == [TurnStarted, TurnMaybeEnded, TurnEnded]
    assert len(scribe.heard_ms) == 1


def test_a_cough_ends_as_a_turn_in_which_nothing_was_said() -> None:
    events = hear(pcm_silence(500) + say(9, 400) + pcm_silence(1000))
    assert kinds(events) == [TurnStarted, TurnEnded]
    ended = events[1]
    assert isinstance(ended, TurnEnded)
    assert (ended.text, ended.confidence) == ("", 0.0)


def test_a_cough_in_mid_turn_changes_nothing_that_was_said() -> None:
    events = hear(say(2, 1024) + pcm_silence(320) + say(9, 300) + pcm_silence(1000))
    assert [event.text for event in events if isinstance(event, TurnEnded)] == ["w2"]


def test_silence_and_quiet_noise_say_nothing() -> None:
    noise = (np.random.default_rng(1).standard_normal(16_000 * 5) * 100).astype("<i2").tobytes()
    assert hear(pcm_silence(60_000) + noise) == []


def test_audio_pushed_all_at_once_gives_the_same_turns() -> None:
    pcm = b"".join(pcm_silence(600) + say(word, 1024) + pcm_silence(700) for word in range(2, 8))
    paced, at_once = hear(pcm), hear(pcm, pace=False)
    assert [event for event in paced if isinstance(event, TurnEnded)] == [
        event for event in at_once if isinstance(event, TurnEnded)
    ]
    assert [event.text for event in at_once if isinstance(event, TurnEnded)] == [f"w{word}" for word in range(2, 8)]


def test_a_long_turn_is_heard_in_pieces_and_no_piece_twice() -> None:
    scribe = Scribe()
    events = hear(b"".join(say(word, 8000) + pcm_silence(320) for word in range(2, 7)) + pcm_silence(1000), scribe)

    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.text == "w2 w3 w4 w5 w6"
    assert any(isinstance(event, TurnUpdated) for event in events)
    assert max(scribe.heard_ms) < 30_000


def test_a_turn_without_a_pause_is_cut_before_the_transcriber_would_lose_its_end() -> None:
    scribe = Scribe()
    events = hear(b"".join(say(word, 10_000) for word in range(2, 9)) + pcm_silence(1000), scribe)

    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert list(dict.fromkeys(ended.text.split())) == [f"w{word}" for word in range(2, 9)]
    assert max(scribe.heard_ms) < 30_000


class Broken:
    def transcribe(self, pcm: bytes) -> Transcript:
        raise ProviderError(FailureReason.UNAVAILABLE, "local-recogniser")


class Buggy:
    def transcribe(self, pcm: bytes) -> Transcript:
        raise KeyError("a bug")


def hear_with(transcriber: Broken | Buggy, on_end: Callable[[list[RecogniserEvent]], None]) -> None:
    async def scenario() -> None:
        session = await LocalRecogniser(transcriber=transcriber, voice_activity=Loudness).open()
        for _ in range(3):  # a session that dies under a long push, or is dead, takes what is pushed and never blocks
            await session.push((say(2, 1024) + pcm_silence(1000)) * 30)
        events = []
        try:
            async for event in session.events():
                events.append(event)
        finally:
            on_end(events)
            await session.close()

    run(scenario())


def test_a_transcriber_that_fails_ends_the_session_with_its_reason() -> None:
    seen: list[RecogniserEvent] = []
    hear_with(Broken(), seen.extend)
    assert kinds(seen) == [TurnStarted, RecogniserFailed]
    failed = seen[-1]
    assert isinstance(failed, RecogniserFailed)
    assert failed.error.reason is FailureReason.UNAVAILABLE


def test_a_bug_in_the_transcriber_is_not_swallowed() -> None:
    with pytest.raises(KeyError):
        hear_with(Buggy(), lambda events: None)


def test_closing_in_mid_turn_ends_the_events() -> None:
    assert kinds(hear(say(2, 2000))) == [TurnStarted]
