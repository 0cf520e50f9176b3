"""WAV files that a caller might bring, made for tests."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent_core.wav import write_wav
from tests.calls.answered import LOST_CARD, clip

SAMPLES_PER_S = 16_000


def _samples() -> NDArray[np.float64]:
    return np.frombuffer(clip(LOST_CARD), "<i2").astype(np.float64) / 32768


def riff(path: Path, form: int, channels: int, rate_hz: int, bits: int, data: bytes) -> Path:
    align = channels * bits // 8
    header = struct.pack("<HHIIHH", form, channels, rate_hz, rate_hz * align, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def float_stereo(path: Path) -> Path:
    """44.1 kHz, 32-bit float, stereo."""
    samples = _samples()
    at = np.arange(int(len(samples) * 44_100 / SAMPLES_PER_S)) * SAMPLES_PER_S / 44_100
    side = np.interp(at, np.arange(len(samples)), samples).astype("<f4")
    return riff(path, 3, 2, 44_100, 32, np.stack([side, side], axis=1).tobytes())


def mu_law(path: Path) -> Path:
    """8 kHz G.711 mu-law, as telephones bring it."""
    values = (_samples()[::2] * 32767).astype(int)
    magnitude = np.minimum(np.abs(values) + 132, 32635)
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    coded = ~(((values < 0).astype(int) << 7) | (exponent << 4) | mantissa) & 255
    return riff(path, 7, 1, 8_000, 8, coded.astype("u1").tobytes())


def noise(path: Path, seconds: int = 8) -> Path:
    loud = np.random.default_rng(1).normal(0, 3000, SAMPLES_PER_S * seconds).clip(-32768, 32767)
    write_wav(path, loud.astype("<i2").tobytes())
    return path


def silence(path: Path, seconds: int) -> Path:
    write_wav(path, bytes(2 * SAMPLES_PER_S * seconds))
    return path


def truncated(path: Path) -> Path:
    """Its last third is missing, and its header doesn't know."""
    raw = LOST_CARD.read_bytes()
    path.write_bytes(raw[: len(raw) * 2 // 3])
    return path
