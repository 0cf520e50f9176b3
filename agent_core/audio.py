"""PCM helpers: what leaves a function here is 16 kHz, mono, signed 16-bit little-endian, as bytes.

Sources of the formulas: RMS energy is the usual root of the mean square; the telephone companding laws are in
``agent_core.g711``; the file format is in ``agent_core.wav``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agent_core.ports import SAMPLE_RATE_HZ

BYTES_PER_MS = SAMPLE_RATE_HZ * 2 // 1000
Samples = NDArray[np.float32]

_FULL_SCALE = 32768.0
_SPEECH_WINDOW_MS = 10


class AudioError(ValueError):
    """Audio that can't be used. The text names the file and says what the user can do about it."""


def pcm_duration_ms(pcm: bytes) -> float:
    return len(pcm) / BYTES_PER_MS


def pcm_silence(duration_ms: float) -> bytes:
    """Silence of a whole number of samples, rounded down."""
    return bytes(2 * int(duration_ms * SAMPLE_RATE_HZ / 1000))


def pcm_to_float(pcm: bytes) -> Samples:
    """Samples in [-1, 1). A trailing half sample is dropped."""
    return np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.float32) / np.float32(_FULL_SCALE)


def float_to_pcm(samples: NDArray[np.floating[Any]]) -> bytes:
    """Clips to the range of 16 bits; what isn't a number becomes silence."""
    finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    scaled: NDArray[np.int16] = np.clip(np.rint(finite * _FULL_SCALE), -32768, 32767).astype("<i2")
    return scaled.tobytes()


class Resampler:
    """Streams mono float samples from one rate to another; memory doesn't grow with the length of the audio.

    Raises ``AudioError`` where ``soxr`` isn't installed and the rates differ.
    """

    def __init__(self, from_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> None:
        self._stream: Any = None
        if from_hz == to_hz:
            return
        try:
            import soxr  # type: ignore[import-untyped]
        except ImportError as error:
            raise AudioError(
                f"audio at {from_hz} Hz must be resampled and the package 'soxr' is not installed: "
                f"install ledgerline[voice], or give {to_hz} Hz audio"
            ) from error
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def push(self, samples: Samples, *, last: bool = False) -> Samples:
        """The next samples at the new rate (may be none yet). ``last`` flushes what the filter holds."""
        if self._stream is None:
            return samples
        return cast(Samples, self._stream.resample_chunk(samples, last=last))


def resample_pcm(samples: Samples, from_hz: int) -> bytes:
    """One piece of mono audio of any rate as product PCM."""
    return float_to_pcm(Resampler(from_hz).push(samples, last=True))


@dataclass(frozen=True, slots=True)
class SpeechBounds:
    start_ms: float
    end_ms: float


def speech_bounds(pcm: bytes, *, below_peak_db: float = 35.0, floor_dbfs: float = -55.0) -> SpeechBounds | None:
    """Where sound that counts begins and ends, by energy in windows of 10 ms; None where there is only silence.

    A window counts from ``below_peak_db`` under the loudest one and above ``floor_dbfs``. Meant for a clean clip of
    one utterance, as the truth that a recogniser's end of speech is measured against; it's no voice detector.
    """
    window = SAMPLE_RATE_HZ * _SPEECH_WINDOW_MS // 1000
    levels = np.fromiter(_window_levels(pcm, window), dtype=np.float64)
    if levels.size == 0:
        return None
    threshold = max(10 ** (floor_dbfs / 20), float(levels.max()) * 10 ** (-below_peak_db / 20))
    loud = np.flatnonzero(levels >= threshold)
    if loud.size == 0:
        return None
    end_ms = min(float(loud[-1] + 1) * _SPEECH_WINDOW_MS, pcm_duration_ms(pcm))
    return SpeechBounds(float(loud[0]) * _SPEECH_WINDOW_MS, end_ms)


def _window_levels(pcm: bytes, window: int) -> Iterable[float]:
    """Root mean square of each window, a minute at a time so that an hour costs no more than a minute of memory."""
    block_bytes = window * 2 * 6000
    for start in range(0, len(pcm), block_bytes):
        samples = pcm_to_float(pcm[start : start + block_bytes])
        padded = np.pad(samples, (0, -len(samples) % window)).reshape(-1, window)
        yield from np.sqrt((padded**2).mean(axis=1)).tolist()
