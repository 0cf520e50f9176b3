"""Voices that are programs on the machine: flite (BSD-like) and eSpeak NG (GPL-3, so only ever run, never linked)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from agent_core.audio import AudioError
from agent_core.ports import FailureReason, ProviderError
from agent_core.wav import load_wav

_TIMEOUT_S = 15.0


class CommandVoice:
    """Blocking. One process a text: 40 ms with flite, 15 ms with eSpeak NG. Raises ``ProviderError``.

    ``{text}`` and ``{wav}`` in ``arguments`` are files: the text to speak, the audio to write.
    """

    def __init__(self, name: str, program: str, arguments: tuple[str, ...], install: str) -> None:
        path = shutil.which(program)
        if path is None:
            raise ProviderError(FailureReason.MISSING, name, f"no program {program!r}: {install}")
        self.name = name
        self._command = (path, *arguments)

    def render(self, text: str) -> bytes:
        """16 kHz PCM16."""
        with tempfile.TemporaryDirectory(prefix="ledgerline-voice-") as folder:
            source, wav = Path(folder) / "text", Path(folder) / "audio.wav"
            source.write_text(_plain(text), encoding="utf-8")
            command = [part.format(text=source, wav=wav) for part in self._command]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)
                return load_wav(wav).pcm
            except subprocess.TimeoutExpired as error:
                raise ProviderError(FailureReason.TIMED_OUT, self.name) from error
            except subprocess.CalledProcessError as error:
                raise ProviderError(FailureReason.UNAVAILABLE, self.name, f"exit code {error.returncode}") from error
            except (OSError, AudioError) as error:
                raise ProviderError(FailureReason.INVALID, self.name, type(error).__name__) from error

    def close(self) -> None:
        """Nothing to let go: no process outlives its text."""


def flite_voice(voice: str = "slt", *, duration_stretch: float = 1.0) -> CommandVoice:
    """``voice``: slt (female), rms, awb, kal16. All are inside the program. 1.1 stretches speech by a tenth."""
    stretch = f"duration_stretch={duration_stretch}"
    arguments = ("-voice", voice, "--setf", stretch, "-f", "{text}", "-o", "{wav}")
    return CommandVoice("flite", "flite", arguments, "install it with: apt-get install flite")


def espeak_voice(voice: str = "en-us") -> CommandVoice:
    arguments = ("-v", voice, "-s", "150", "-f", "{text}", "-w", "{wav}")
    return CommandVoice("espeak-ng", "espeak-ng", arguments, "install it with: apt-get install espeak-ng")


def _plain(text: str) -> str:
    """Letters of an acronym with points: flite reads "AI" as one syllable."""
    return re.sub(r"\b[A-Z]{2}\b", lambda found: ".".join(found.group()) + ".", text)
