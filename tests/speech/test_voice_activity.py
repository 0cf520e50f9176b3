"""Speech is told from silence and noise, whatever the lengths in which the audio comes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent_core.audio import pcm_silence, speech_bounds
from agent_core.ports import FailureReason, ProviderError, VoiceActivity
from agent_core.wav import load_wav
from providers import voice_activity
from providers.voice_activity import EnergyVoiceActivity, SileroVoiceActivity, open_voice_activity

DEMO = Path(__file__).parents[2] / "examples/bank/demo"
SPEECH = load_wav(DEMO / "1-lost-card.wav").pcm
NOISE = (np.random.default_rng(0).standard_normal(16_000 * 5) * 1000).astype("<i2").tobytes()
WINDOW_BYTES = 1024


def probabilities(detector: VoiceActivity, pcm: bytes, size: int = WINDOW_BYTES) -> list[float]:
    return [detector.push(pcm[at : at + size]) for at in range(0, len(pcm), size)]


def test_silero_hears_speech_where_it_is_and_nothing_in_silence_or_noise() -> None:
    bounds = speech_bounds(SPEECH)
    assert bounds is not None
    said = probabilities(SileroVoiceActivity(), pcm_silence(1024) + SPEECH + pcm_silence(1024))
    speaking = np.flatnonzero(np.array(said) > 0.5)

    assert speaking[0] * 32 == pytest.approx(1024 + bounds.start_ms, abs=100)
    assert (speaking[-1] + 1) * 32 == pytest.approx(1024 + bounds.end_ms, abs=100)
    assert max(probabilities(SileroVoiceActivity(), NOISE)) < 0.3
    assert max(probabilities(SileroVoiceActivity(), pcm_silence(5000))) < 0.3


@pytest.mark.parametrize("size", [2, 640, 1024, 5000])
@pytest.mark.parametrize("detector", [SileroVoiceActivity, EnergyVoiceActivity])
def test_the_lengths_in_which_audio_comes_do_not_matter(detector: Callable[[], VoiceActivity], size: int) -> None:
    pcm = SPEECH[: 20 * WINDOW_BYTES]
    whole, parts = detector(), detector()
    assert probabilities(parts, pcm, size)[-1] == whole.push(pcm)


def test_the_model_is_not_asked_about_a_quiet_line_and_hears_the_next_words_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector, asked = SileroVoiceActivity(), []
    judge = detector._judge
    monkeypatch.setattr(detector, "_judge", lambda samples: asked.append(1) or judge(samples))
    quiet = pcm_silence(32 * 100)

    assert probabilities(detector, quiet)[-1] == 0.0
    assert len(asked) < 20
    said = probabilities(detector, SPEECH)
    fresh = probabilities(SileroVoiceActivity(), pcm_silence(320) + SPEECH)[10:]
    assert np.flatnonzero(np.array(said) > 0.5)[0] == pytest.approx(np.flatnonzero(np.array(fresh) > 0.5)[0], abs=2)


def test_a_noisy_line_is_judged_all_along(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, asked = SileroVoiceActivity(), []
    judge = detector._judge
    monkeypatch.setattr(detector, "_judge", lambda samples: asked.append(1) or judge(samples))
    probabilities(detector, NOISE)
    assert len(asked) == len(NOISE) // WINDOW_BYTES


def test_reset_forgets_the_call_before() -> None:
    used, fresh = SileroVoiceActivity(), SileroVoiceActivity()
    used.push(SPEECH + b"\0\0")
    used.reset()
    assert probabilities(used, SPEECH) == probabilities(fresh, SPEECH)


def test_loudness_alone_finds_a_voice_in_a_quiet_room() -> None:
    detector = EnergyVoiceActivity()
    assert max(probabilities(detector, pcm_silence(1024))) == 0
    assert max(probabilities(detector, SPEECH)) == 1
    assert probabilities(detector, pcm_silence(1024))[-1] == 0


def test_a_steady_noise_stops_counting_as_a_voice() -> None:
    said = probabilities(EnergyVoiceActivity(), NOISE * 3)
    assert said[0] > 0.5
    assert said[-1] < 0.2


def test_without_the_package_it_says_what_to_install_and_loudness_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    voice_activity._silero_session.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ProviderError, match="ledgerline\\[voice\\]") as missing:
        SileroVoiceActivity()

    assert missing.value.reason is FailureReason.MISSING
    assert isinstance(open_voice_activity(), EnergyVoiceActivity)
