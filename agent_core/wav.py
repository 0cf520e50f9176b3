"""Reads the WAV files that people have, as 16 kHz mono PCM, and writes the two kinds that the product makes.

Understood: PCM of 8, 16, 24 and 32 bits, float of 32 and 64 bits, A-law and mu-law, each also as
WAVE_FORMAT_EXTENSIBLE, any rate from 1 to 384 kHz, any number of channels (mixed to one), RF64 and BW64, and files whose
writer never knew the length (killed, or streaming into a pipe). Source: Microsoft, "Multiple channel audio data and WAVE
files"; EBU Tech 3306 for RF64; ITU-R BS.2088 for BW64.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from agent_core.audio import AudioError, Resampler, Samples, float_to_pcm, pcm_duration_ms
from agent_core.g711 import ALAW_TO_LINEAR, ULAW_TO_LINEAR
from agent_core.ports import SAMPLE_RATE_HZ

_STREAMED_SIZE = 0x7FFFF000  # from here on a size only says that the writer streamed and never knew it
_BLOCK_FRAMES = 1 << 16
_CONVERT = "convert it with: ffmpeg -i INPUT -ac 1 -ar 16000 -c:a pcm_s16le OUTPUT.wav"
_OTHER_CONTAINERS = (
    (b"ID3", "an MP3 file"),
    (b"\xff\xfb", "an MP3 file"),
    (b"\xff\xf3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"FORM", "an AIFF file"),
    (b"caff", "a Core Audio file"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (b"RIFX", "a big-endian WAV file"),
)
_CODEC_NAMES = {0x0002: "Microsoft ADPCM", 0x0011: "IMA ADPCM", 0x0031: "GSM 6.10", 0x0050: "MPEG", 0x0055: "MP3"}


@dataclass(frozen=True, slots=True)
class Clip:
    """One file's audio as 16 kHz mono PCM16. ``warnings`` says what was wrong with the file and how it was mended."""

    pcm: bytes
    warnings: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> float:
        return pcm_duration_ms(self.pcm)


@dataclass(frozen=True, slots=True)
class _Format:
    codec: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def sample_bytes(self) -> int:
        return self.bits // 8


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a file's samples lie and how they are written."""

    format: _Format
    data_start: int
    data_bytes: int
    warnings: tuple[str, ...]


def load_wav(path: str | os.PathLike[str]) -> Clip:
    """The whole file. An hour of 8 kHz telephone audio takes 115 MB as PCM and little more while it is read.

    Raises ``AudioError`` for a file that is missing, empty, not a WAV, of an unknown codec, or that has no samples.
    A file cut short gives what it has, with a warning.
    """
    file_path = Path(path)
    try:
        if file_path.is_fifo() or file_path.is_char_device():  # to open one may wait for ever, and its end is unknown
            raise AudioError(f"{file_path}: a pipe or a device: write the sound to a file first")
        with file_path.open("rb") as file:
            layout = _read_layout(file, file_path)
            pcm = b"".join(_decode(file, layout))
    except FileNotFoundError as error:
        raise AudioError(f"{file_path}: no such file: check the path") from error
    except OSError as error:
        raise AudioError(f"{file_path}: can't be read: {error.strerror or error}") from error
    if not pcm:
        raise AudioError(f"{file_path}: holds no audio: record it again")
    return Clip(pcm, layout.warnings)


def write_wav(path: str | os.PathLike[str], pcm: bytes, *, channels: int = 1) -> None:
    """Product PCM (interleaved, if of two channels) as a 16-bit WAV file."""
    Path(path).write_bytes(wav_header(len(pcm), channels=channels) + pcm)


def interleave(left: bytes, right: bytes) -> bytes:
    """Left and right samples in turn; the shorter channel is filled up with silence."""
    size = max(len(left), len(right))
    columns = [np.frombuffer(channel.ljust(size, b"\0"), dtype="<i2") for channel in (left, right)]
    return np.stack(columns, axis=1).tobytes()


def wav_header(data_bytes: int, *, channels: int = 1, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """The 44 bytes before 16-bit PCM samples. Sizes past what 32 bits can say are written as unknown."""
    frame = 2 * channels
    data_size, riff_size = (data_bytes, data_bytes + 36) if data_bytes + 36 < 0xFFFFFFFF else (0xFFFFFFFF, 0xFFFFFFFF)
    return (
        struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz, rate_hz * frame, frame, 16)
        + struct.pack("<4sI", b"data", data_size)
    )


def _read_layout(file: BinaryIO, path: Path) -> _Layout:
    file_bytes = os.fstat(file.fileno()).st_size
    head = file.read(12)
    if not head:
        raise AudioError(f"{path}: the file is empty: record it again")
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        raise AudioError(f"{path}: not a WAV file{_looks_like(head)}: {_CONVERT}")
    wide_size: int | None = None
    found: _Format | None = None
    while len(chunk := file.read(8)) == 8:
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        start = file.tell()
        if name == b"data":
            if found is None:
                raise AudioError(f"{path}: the WAV header has no format before its data: {_CONVERT}")
            never_finished = size == 0 and int.from_bytes(head[4:8], "little") + 8 <= start
            unknown = never_finished or (size >= _STREAMED_SIZE and wide_size is None)
            return _locate(path, found, start, None if unknown else wide_size or size, file_bytes)
        if name == b"fmt ":
            found = _parse_format(file.read(min(size, 64)), path)
        elif name == b"ds64":
            wide_size = int.from_bytes(file.read(16)[8:16], "little")
        file.seek(start + size + size % 2)
    raise AudioError(f"{path}: the WAV file ends before its audio begins (cut short?): record or copy it again")


def _looks_like(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return " (it looks like an MP4 or M4A file)"
    return next((f" (it looks like {kind})" for magic, kind in _OTHER_CONTAINERS if head.startswith(magic)), "")


def _parse_format(raw: bytes, path: Path) -> _Format:
    if len(raw) < 16:
        raise AudioError(f"{path}: the WAV header is cut short: record or copy the file again")
    codec, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", raw[:16])
    if codec == 0xFFFE and len(raw) >= 26:
        codec = int.from_bytes(raw[24:26], "little")  # the sub-format's GUID begins with the plain code
    if (codec, bits) not in _DECODERS:
        name = _CODEC_NAMES.get(codec, f"code 0x{codec:04x}")
        raise AudioError(f"{path}: unsupported WAV codec ({name}, {bits} bits): {_CONVERT}")
    if not 1 <= channels <= 64 or not 1000 <= rate_hz <= 384_000:
        raise AudioError(f"{path}: the WAV header says {channels} channels at {rate_hz} Hz: {_CONVERT}")
    return _Format(codec, channels, rate_hz, bits)


def _locate(path: Path, found: _Format, start: int, declared: int | None, file_bytes: int) -> _Layout:
    there = file_bytes - start
    warnings: list[str] = []
    if declared is None:
        size = there
    else:
        size = min(declared, there)
        if size < declared:
            warnings.append(f"{path}: cut short: {size} of {declared} bytes of audio are there; they are used")
    return _Layout(found, start, size, tuple(warnings))


def _decode(file: BinaryIO, layout: _Layout) -> Iterator[bytes]:
    found = layout.format
    decode = _DECODERS[found.codec, found.bits]
    resampler = Resampler(found.rate_hz)
    frame_bytes = found.sample_bytes * found.channels
    left = layout.data_bytes
    file.seek(layout.data_start)
    while left > 0:
        raw = file.read(min(left, _BLOCK_FRAMES * frame_bytes))
        left = left - len(raw) if raw else 0
        samples = decode(raw[: len(raw) - len(raw) % frame_bytes])
        mono = samples.reshape(-1, found.channels).mean(axis=1, dtype=np.float32)
        yield float_to_pcm(resampler.push(mono, last=left == 0))


def _pcm8(raw: bytes) -> Samples:
    return (np.frombuffer(raw, dtype=np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)


def _pcm16(raw: bytes) -> Samples:
    return np.frombuffer(raw, dtype="<i2").astype(np.float32) / np.float32(1 << 15)


def _pcm24(raw: bytes) -> Samples:
    parts = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3).astype(np.int32)
    shifted = (parts[:, 0] << 8) | (parts[:, 1] << 16) | (parts[:, 2] << 24)
    return shifted.astype(np.float32) / np.float32(1 << 31)


def _pcm32(raw: bytes) -> Samples:
    return np.frombuffer(raw, dtype="<i4").astype(np.float32) / np.float32(1 << 31)


def _float32(raw: bytes) -> Samples:
    return _bounded(np.frombuffer(raw, dtype="<f4").astype(np.float32))


def _float64(raw: bytes) -> Samples:
    # Clipped before it is narrowed: a float64 can be too large for a float32.
    clipped: Samples = np.clip(np.nan_to_num(np.frombuffer(raw, dtype="<f8"), posinf=1, neginf=-1), -1, 1).astype(
        np.float32
    )
    return clipped


def _bounded(samples: Samples) -> Samples:
    """One stray infinity would ring through the resampling filter and silence a second of speech."""
    return np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), np.float32(-1), np.float32(1))


def _companded(table: NDArray[np.int16]) -> Callable[[bytes], Samples]:
    values: Samples = (table / (1 << 15)).astype(np.float32)

    def decode(raw: bytes) -> Samples:
        decoded: Samples = values[np.frombuffer(raw, dtype=np.uint8)]
        return decoded

    return decode


_DECODERS: dict[tuple[int, int], Callable[[bytes], Samples]] = {
    (1, 8): _pcm8,
    (1, 16): _pcm16,
    (1, 24): _pcm24,
    (1, 32): _pcm32,
    (3, 32): _float32,
    (3, 64): _float64,
    (6, 8): _companded(ALAW_TO_LINEAR),
    (7, 8): _companded(ULAW_TO_LINEAR),
}
