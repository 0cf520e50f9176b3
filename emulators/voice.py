"""The emulated voice: text to audio with one time per character, in the encodings that the vendors offer raw.

The built-in voice is a speech-like tone; a real local voice can be put in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
_SYLLABLE_HZ = 4.0  # the rate at which speech swells and fades
_PITCH_HZ = 140.0
_PEAK = 9_000


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A raw encoding, by ElevenLabs' names such as ``pcm_16000``; ``f32`` is Cartesia's ``pcm_f32le``."""

    encoding: str  # pcm | ulaw | f32
    rate_hz: int


_RATES_HZ = {"pcm": (8000, 16000, 22050, 24000, 32000, 44100, 48000), "ulaw": (8000,)}


def output_format(name: str) -> OutputFormat:
    """Raises ValueError for a format that isn't emulated: compressed ones, the vendor's default among them."""
    encoding, _, rate = name.partition("_")
    if rate.isdecimal() and int(rate) in _RATES_HZ.get(encoding, ()):
        return OutputFormat(encoding, int(rate))
    raise ValueError(f"output_format {name!r} isn't emulated: use pcm_8000 to pcm_48000 or ulaw_8000")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of audio, with the characters whose sound starts in it. Times count from the start of this piece."""

    audio: bytes
    duration_ms: float
    chars: tuple[str, ...]
    starts_ms: tuple[int, ...]
    durations_ms: tuple[int, ...]

    def alignment(self) -> dict[str, Any] | None:
        """As ElevenLabs writes it; None where no character starts here."""
        if not self.chars:
            return None
        return {
            "chars": list(self.chars),
            "charStartTimesMs": list(self.starts_ms),
            "charDurationsMs": list(self.durations_ms),
        }


async def synthesised(text: str, ms_per_char: float, hook: Callable[[str], bytes] | None) -> NDArray[np.int16]:
    """Samples at 16 kHz. The hook may take its time: it runs in a thread."""
    if hook is None:
        return tone(text, ms_per_char)
    pcm = await asyncio.to_thread(hook, text)
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.int16)


def tone(text: str, ms_per_char: float) -> NDArray[np.int16]:
    """A tone of ``ms_per_char`` a character that swells like syllables and is silent at spaces and punctuation."""
    per_char = max(1, round(ms_per_char * SAMPLE_RATE_HZ / 1000))
    t = np.arange(per_char * len(text)) / SAMPLE_RATE_HZ
    wave = np.sin(2 * np.pi * _PITCH_HZ * t) + 0.5 * np.sin(2 * np.pi * 5 * _PITCH_HZ * t)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * _SYLLABLE_HZ * t)
    voiced = np.repeat([1.0 if char.isalnum() else 0.0 for char in text], per_char)
    samples: NDArray[np.int16] = (wave * swell * voiced * _PEAK / 1.5).astype(np.int16)
    return samples


def chunks(text: str, samples: NDArray[np.int16], chunk_ms: int, form: OutputFormat) -> Iterator[Chunk]:
    """Cut audio into pieces; the characters share its length evenly."""
    total_ms = len(samples) * 1000 / SAMPLE_RATE_HZ
    per_char_ms = total_ms / max(1, len(text))
    starts_ms = [index * per_char_ms for index in range(len(text))]
    step = chunk_ms * SAMPLE_RATE_HZ // 1000
    for first in range(0, len(samples), step):
        piece = samples[first : first + step]
        from_ms = first * 1000 / SAMPLE_RATE_HZ
        duration_ms = len(piece) * 1000 / SAMPLE_RATE_HZ
        here = [i for i, start in enumerate(starts_ms) if from_ms <= start < from_ms + duration_ms]
        relative = tuple(round(starts_ms[i] - from_ms) for i in here)
        ends = tuple(round(starts_ms[i] + per_char_ms - from_ms) for i in here)
        lengths = tuple(end - start for start, end in zip(relative, ends, strict=True))
        yield Chunk(encoded(piece, form), duration_ms, tuple(text[i] for i in here), relative, lengths)


def encoded(samples: NDArray[np.int16], form: OutputFormat) -> bytes:
    """16 kHz samples in another rate and encoding."""
    resampled = resample(samples, SAMPLE_RATE_HZ, form.rate_hz)
    if form.encoding == "f32":
        return (resampled.astype(np.float32) / 32768).astype("<f4").tobytes()
    return _ulaw(resampled) if form.encoding == "ulaw" else resampled.astype("<i2").tobytes()


def resample(samples: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    """Linear interpolation: good enough for a voice that nobody listens to."""
    if from_hz == to_hz or len(samples) == 0:
        return samples
    at = np.arange(round(len(samples) * to_hz / from_hz)) * (from_hz / to_hz)
    result: NDArray[np.int16] = np.interp(at, np.arange(len(samples)), samples).astype(np.int16)
    return result


def _ulaw(samples: NDArray[np.int16]) -> bytes:
    """G.711 mu-law, by its segments."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32_635) + 132
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    return bytes((~(sign | (segment << 4) | mantissa) & 0xFF).astype(np.uint8).tobytes())
