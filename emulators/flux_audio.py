"""The audio that a Flux client sends: any raw encoding into 20 ms frames at 16 kHz, and which of them are speech."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emulators.voice import SAMPLE_RATE_HZ, resample

_FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
ENCODINGS = ("linear16", "mulaw")


class AudioIn:
    """Frames of one connection. ``encoding`` is one of ``ENCODINGS``."""

    def __init__(self, encoding: str, rate_hz: int, speech_dbfs: float) -> None:
        self._encoding = encoding
        self._rate_hz = rate_hz
        self._speech_rms = 32_768 * math.pow(10, speech_dbfs / 20)
        self._half = b""
        self._pending: NDArray[np.int16] = np.zeros(0, dtype=np.int16)

    def frames(self, raw: bytes) -> Iterator[tuple[bytes, bool]]:
        """20 ms pieces of 16 kHz PCM16, each with whether its energy is that of speech."""
        samples = np.concatenate([self._pending, resample(self._decoded(raw), self._rate_hz, SAMPLE_RATE_HZ)])
        whole = len(samples) // _FRAME_SAMPLES * _FRAME_SAMPLES
        self._pending = samples[whole:]
        for first in range(0, whole, _FRAME_SAMPLES):
            frame = samples[first : first + _FRAME_SAMPLES]
            rms = math.sqrt(float(np.mean(np.square(frame.astype(np.float64)))))
            yield frame.astype("<i2").tobytes(), rms >= self._speech_rms

    def _decoded(self, raw: bytes) -> NDArray[np.int16]:
        if self._encoding == "mulaw":
            return _from_ulaw(np.frombuffer(raw, dtype=np.uint8))
        raw = self._half + raw
        cut = len(raw) // 2 * 2
        self._half = raw[cut:]
        return np.frombuffer(raw[:cut], dtype="<i2").astype(np.int16)


def _from_ulaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """G.711 mu-law."""
    inverted = (~codes).astype(np.int32) & 0xFF
    magnitude = ((((inverted & 0x0F) << 3) + 132) << ((inverted >> 4) & 0x07)) - 132
    samples: NDArray[np.int16] = np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)
    return samples
