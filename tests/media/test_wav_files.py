"""Any WAV that a person may hand us is read, or refused with a sentence that helps."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from agent_core.audio import AudioError, pcm_to_float, speech_bounds
from agent_core.wav import interleave, load_wav, wav_header, write_wav

TONE_HZ = 440
SECOND = 16_000


def tone(rate_hz: int, seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * TONE_HZ * np.arange(int(rate_hz * seconds)) / rate_hz)


def riff(fmt: bytes, data: bytes, *, before: bytes = b"", declared: int | None = None) -> bytes:
    body = before + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(data) if declared is None else declared) + data
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def fmt(codec: int, channels: int, rate_hz: int, bits: int) -> bytes:
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", codec, channels, rate_hz, rate_hz * frame, frame, bits)


def extensible(codec: int, channels: int, rate_hz: int, bits: int) -> bytes:
    guid_tail = bytes.fromhex("000000001000800000aa00389b71")
    extension = struct.pack("<HHIH", 22, bits, 0, codec) + guid_tail
    return fmt(0xFFFE, channels, rate_hz, bits) + extension


def to_24_bit(samples: np.ndarray) -> bytes:
    return (samples * (2**31 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def ulaw(samples: np.ndarray) -> bytes:
    """The encoder of G.711 as its standard describes it (the product only decodes)."""
    codes = bytearray()
    for value in (samples * 32767).astype(int):
        magnitude = min(abs(int(value)), 32635) + 0x84
        exponent = magnitude.bit_length() - 8
        mantissa = (magnitude >> (exponent + 3)) & 0x0F
        codes.append(~((0x80 if value < 0 else 0) | exponent << 4 | mantissa) & 0xFF)
    return bytes(codes)


def alaw(samples: np.ndarray) -> bytes:
    codes = bytearray()
    for value in (samples * 32767).astype(int):
        magnitude = min(abs(int(value)), 32635)
        exponent = max(0, magnitude.bit_length() - 8)
        mantissa = (magnitude >> (4 if exponent == 0 else exponent + 3)) & 0x0F
        codes.append(((0x80 if value >= 0 else 0) | exponent << 4 | mantissa) ^ 0x55)
    return bytes(codes)


FORMATS = {
    "16 kHz 16-bit": (fmt(1, 1, 16_000, 16), lambda: (tone(16_000) * 32767).astype("<i2").tobytes()),
    "8 kHz mu-law": (fmt(7, 1, 8_000, 8), lambda: ulaw(tone(8_000))),
    "8 kHz A-law": (fmt(6, 1, 8_000, 8), lambda: alaw(tone(8_000))),
    "44.1 kHz float32": (fmt(3, 1, 44_100, 32), lambda: tone(44_100).astype("<f4").tobytes()),
    "48 kHz float64": (fmt(3, 1, 48_000, 64), lambda: tone(48_000).astype("<f8").tobytes()),
    "22.05 kHz 8-bit": (fmt(1, 1, 22_050, 8), lambda: (tone(22_050) * 127 + 128).astype(np.uint8).tobytes()),
    "48 kHz 24-bit": (fmt(1, 1, 48_000, 24), lambda: to_24_bit(tone(48_000))),
    "96 kHz 32-bit": (fmt(1, 1, 96_000, 32), lambda: (tone(96_000) * (2**31 - 1)).astype("<i4").tobytes()),
    "extensible 24-bit": (extensible(1, 1, 44_100, 24), lambda: to_24_bit(tone(44_100))),
    "extensible float": (extensible(3, 1, 44_100, 32), lambda: tone(44_100).astype("<f4").tobytes()),
    "stereo": (fmt(1, 2, 44_100, 16), lambda: (np.repeat(tone(44_100), 2) * 32767).astype("<i2").tobytes()),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_becomes_the_same_tone_at_16_khz(name: str, tmp_path: Path) -> None:
    header, make = FORMATS[name]
    path = tmp_path / "in.wav"
    path.write_bytes(riff(header, make()))

    clip = load_wav(path)

    samples = pcm_to_float(clip.pcm)
    assert abs(len(samples) - SECOND) <= 2
    spectrum = np.abs(np.fft.rfft(samples[:SECOND], SECOND))
    assert int(spectrum.argmax()) == TONE_HZ
    assert float(np.abs(samples[2000:-2000]).max()) == pytest.approx(0.5, abs=0.02)
    assert clip.warnings == ()


def test_16_khz_pcm_comes_back_bit_for_bit(tmp_path: Path) -> None:
    pcm = np.arange(-32768, 32768, 7, dtype="<i2").tobytes()
    write_wav(tmp_path / "a.wav", pcm)
    assert load_wav(tmp_path / "a.wav").pcm == pcm


def test_two_channels_are_mixed_and_can_be_written_apart(tmp_path: Path) -> None:
    left, right = np.full(100, 8000, "<i2").tobytes(), np.full(60, -4000, "<i2").tobytes()
    write_wav(tmp_path / "s.wav", interleave(left, right), channels=2)

    mixed = np.frombuffer(load_wav(tmp_path / "s.wav").pcm, "<i2")

    assert mixed[:60].tolist() == [2000] * 60
    assert mixed[60:].tolist() == [4000] * 40
    assert interleave(b"\1\0", b"\2\0\3\0") == b"\1\0\2\0\0\0\3\0"


def test_other_chunks_and_odd_sizes_are_stepped_over(tmp_path: Path) -> None:
    pcm = b"\1\0" * 50
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt(1, 1, 16_000, 16), pcm, before=b"LIST" + struct.pack("<I", 3) + b"abc\0"))
    assert load_wav(path).pcm == pcm


def test_a_truncated_file_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(riff(fmt(1, 1, 16_000, 16), b"\1\0" * 50 + b"\1", declared=64_000))

    clip = load_wav(path)

    assert clip.pcm == b"\1\0" * 50
    assert "cut.wav: cut short: 101 of 64000 bytes" in clip.warnings[0]


@pytest.mark.parametrize(
    ("riff_size", "data_size"), [(0xFFFFFFFF, 0xFFFFFFFF), (36, 0), (0, 0), (0x7FFFFFFF, 0x7FFFF024)]
)
def test_a_writer_that_never_knew_the_length_is_believed_by_the_file_s_size(
    riff_size: int, data_size: int, tmp_path: Path
) -> None:
    pcm = b"\5\0" * 100
    raw = bytearray(wav_header(0) + pcm)
    raw[4:8], raw[40:44] = struct.pack("<I", riff_size), struct.pack("<I", data_size)
    (tmp_path / "a.wav").write_bytes(raw)

    clip = load_wav(tmp_path / "a.wav")

    assert clip.pcm == pcm
    assert clip.warnings == ()


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_a_file_past_four_gigabytes_takes_its_size_from_the_wide_chunk(magic: bytes, tmp_path: Path) -> None:
    pcm = b"\5\0" * 100
    wide = b"ds64" + struct.pack("<IQQQI", 28, 0, len(pcm), 100, 0)
    raw = riff(fmt(1, 1, 16_000, 16), pcm + b"LISTtail", before=wide, declared=0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(magic + raw[4:])
    assert load_wav(tmp_path / "a.wav").pcm == pcm


NO_AUDIO = riff(fmt(1, 1, 16_000, 16), b"") + b"LIST\4\0\0\0abcd"
REFUSED = {
    "empty": (b"", "the file is empty"),
    "mp3": (b"ID3\4\0\0\0\0\0\0\0\0", "not a WAV file (it looks like an MP3 file): convert it with: ffmpeg"),
    "m4a": (b"\0\0\0\x20ftypM4A \0\0", "MP4 or M4A"),
    "text": (b"hello, this is text", "not a WAV file: convert"),
    "short": (b"RIFF", "not a WAV file"),
    "header only": (riff(fmt(1, 1, 16_000, 16), b"")[:30], "header"),
    "no data": (riff(fmt(1, 1, 16_000, 16), b""), "holds no audio"),
    "no data but another chunk": (NO_AUDIO[:4] + struct.pack("<I", len(NO_AUDIO) - 8) + NO_AUDIO[8:], "holds no audio"),
    "adpcm": (riff(fmt(0x11, 1, 8_000, 4), b"\0" * 64), "unsupported WAV codec (IMA ADPCM, 4 bits)"),
    "no format": (b"RIFF\x14\0\0\0WAVEdata\4\0\0\0\0\0\0\0", "no format before its data"),
    "no channels": (riff(fmt(1, 0, 16_000, 16), b"\0" * 64), "0 channels"),
    "half a sample": (riff(fmt(1, 1, 16_000, 16), b"\1"), "holds no audio"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_usable_wav_is_refused_by_name_with_a_way_out(name: str, tmp_path: Path) -> None:
    raw, message = REFUSED[name]
    path = tmp_path / f"{name}.wav"
    path.write_bytes(raw)

    with pytest.raises(AudioError) as refused:
        load_wav(path)

    assert f"{name}.wav" in str(refused.value)
    assert message in str(refused.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"nowhere\.wav: no such file"):
        load_wav(tmp_path / "nowhere.wav")
    with pytest.raises(AudioError, match="can't be read"):
        load_wav(tmp_path)


def test_a_pipe_and_a_device_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero")):
        with pytest.raises(AudioError, match="a pipe or a device: write the sound to a file first"):
            load_wav(path)


def test_samples_that_are_no_numbers_do_no_harm(tmp_path: Path) -> None:
    samples = tone(44_100).astype("<f4")
    samples[1000:1003] = [np.nan, np.inf, -np.inf]
    (tmp_path / "a.wav").write_bytes(riff(fmt(3, 1, 44_100, 32), samples.tobytes()))

    heard = pcm_to_float(load_wav(tmp_path / "a.wav").pcm)

    assert float(np.abs(heard[1000:-1000]).max()) == pytest.approx(0.5, abs=0.02)


def test_an_hour_of_silence_is_read_block_by_block(tmp_path: Path) -> None:
    hour = 3600 * 8_000
    (tmp_path / "hour.wav").write_bytes(riff(fmt(7, 1, 8_000, 8), b"\xff" * hour))
    tracemalloc.start()
    try:
        clip = load_wav(tmp_path / "hour.wav")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert clip.duration_ms == pytest.approx(3_600_000, abs=1)
    assert peak_bytes < 3 * len(clip.pcm)
    assert speech_bounds(clip.pcm) is None


def test_speech_bounds_find_the_sound_between_the_silences() -> None:
    sound = (tone(16_000, 0.5) * 32767).astype("<i2").tobytes()
    bounds = speech_bounds(bytes(2 * SECOND) + sound + bytes(SECOND))
    assert bounds is not None
    assert (bounds.start_ms, bounds.end_ms) == (1000, 1500)


def test_noise_is_sound_from_end_to_end() -> None:
    noise = (np.random.default_rng(1).standard_normal(SECOND) * 3000).astype("<i2").tobytes()
    bounds = speech_bounds(noise)
    assert bounds is not None
    assert (bounds.start_ms, bounds.end_ms) == (0, 1000)
