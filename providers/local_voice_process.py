"""Speaks with Piper in a process of its own. Piper is GPL-3, so nothing else of this product imports it or this file.

Protocol, both ways: a length (4 bytes, little-endian), then so many bytes. In: a text in UTF-8. Out: one byte for the
kind, then the rest: ``R`` ready, with the sample rate in Hz as text; ``A`` the audio of one text, PCM16 mono;
``E`` an error, its type's name (never the text). The process ends when its standard input does.

    python -I local_voice_process.py MODEL.onnx
"""

from __future__ import annotations

import os
import struct
import sys
from typing import Any, BinaryIO


def main() -> int:
    # What a library prints must not get between the frames.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        voice = _load(sys.argv[1])
    except ImportError as error:
        _send(out, b"E", f"ImportError: {error.name}")
        return 1
    _send(out, b"R", str(voice.config.sample_rate))
    while (text := _receive(sys.stdin.buffer)) is not None:
        try:
            audio = b"".join(chunk.audio_int16_bytes for chunk in voice.synthesize(text))
        except (RuntimeError, ValueError) as error:
            _send(out, b"E", type(error).__name__)
        else:
            _send(out, b"A", audio)
    return 0


def _load(model_path: str) -> Any:
    from piper import PiperVoice

    voice = PiperVoice.load(model_path)
    for _ in voice.synthesize("Ready."):  # the first run allocates
        pass
    return voice


def _receive(source: BinaryIO) -> str | None:
    head = source.read(4)
    if len(head) < 4:
        return None
    return source.read(struct.unpack("<I", head)[0]).decode()


def _send(out: BinaryIO, kind: bytes, body: bytes | str) -> None:
    raw = kind + (body.encode() if isinstance(body, str) else body)
    out.write(struct.pack("<I", len(raw)) + raw)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
