"""Plays a call's recording on this machine's loudspeaker (PortAudio by ``sounddevice``): caller left, agent right."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

from agent_core.ports import FRAME_SAMPLES, SAMPLE_RATE_HZ
from voice_gateway.media import MediaError, MediaFailure
from voice_gateway.microphone_media import sound_library

_CHANNELS = 2


class RecordingPlayer:
    """Raises ``MediaError`` from the constructor where there is no sound card, ``OSError`` and ``wave.Error`` where there
    is no such recording. ``play`` it once; cancelling that stops the sound."""

    def __init__(self, path: Path) -> None:
        self._wav = wave.open(str(path), "rb")  # noqa: SIM115 - it is closed by ``play``
        library = sound_library()
        try:
            self._stream: Any = library.RawOutputStream(
                samplerate=self._wav.getframerate() or SAMPLE_RATE_HZ, channels=_CHANNELS, dtype="int16"
            )
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            self._wav.close()
            raise MediaError(MediaFailure.NO_DEVICE, f"no usable loudspeaker on this machine ({error})") from error

    async def play(self) -> None:
        """From the beginning to the end, at the pace of the sound card."""
        loop = asyncio.get_running_loop()
        try:
            while piece := self._wav.readframes(FRAME_SAMPLES * 5):
                await loop.run_in_executor(None, self._stream.write, piece)
        finally:
            self._stream.close()
            self._wav.close()
