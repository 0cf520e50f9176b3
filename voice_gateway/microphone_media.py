"""A call through this machine's microphone and loudspeaker (PortAudio by ``sounddevice``).

Half duplex unless asked otherwise: while the agent is heard the microphone counts as silent, because the agent would
hear itself and take it for the caller. So the caller can't interrupt. With ``echo_cancellation`` (WebRTC's, from the
``livekit`` package) the microphone stays open and the caller can.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from agent_core.ports import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ
from voice_gateway.media import MediaError, MediaFailure
from voice_gateway.playout import PlayoutBuffer
from voice_gateway.recording import StereoRecorder

_SILENT_FRAME = bytes(FRAME_BYTES)
_ECHO_TAIL_MS = 300  # the room and the sound card go on for so long after the last sample was handed over
_APM_FRAME_BYTES = SAMPLE_RATE_HZ // 100 * 2  # WebRTC's audio processing takes 10 ms at a time
_MAX_WAITING_FRAMES = 100  # 2 s of microphone that nobody reads; older frames are dropped


class MicrophoneMedia:
    """The ``Media`` port over a sound card. Raises ``MediaError`` from the constructor where there is none.

    ``recorder`` is fed by it and closed by whoever made it; it hears what the agent is given, echo taken out.
    """

    def __init__(self, *, echo_cancellation: bool = False, recorder: StereoRecorder | None = None) -> None:
        self._sounddevice = sound_library()
        self._echo = WebRtcEchoCanceller() if echo_cancellation else None
        self._recorder = recorder
        self._playout = PlayoutBuffer()
        self._microphone: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._quiet_from_s = self._loop.time()  # from then on nothing of the agent is in the room
        self._closed = False
        self._lost = False
        self._next_out = b""  # one frame ahead: the loop fills it, the sound card's thread takes it
        self._stream = self._open_stream()

    @property
    def played_bytes(self) -> int:
        return self._playout.played_bytes

    async def frames(self) -> AsyncIterator[bytes]:
        try:
            while (frame := await self._microphone.get()) is not None:
                began_at_s = self._loop.time() - FRAME_MS / 1000
                heard = self._without_agent(frame)
                if self._recorder is not None:
                    self._recorder.caller(heard, began_at_s)
                yield heard
            if self._lost:
                raise MediaError(MediaFailure.DEVICE_LOST, "the sound device stopped: is it still plugged in?")
        finally:
            await self.close()

    async def play(self, pcm: bytes) -> None:
        await self._playout.put(pcm)

    def clear(self) -> int:
        return self._playout.clear()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._playout.close()
        await self._loop.run_in_executor(None, self._stream.close)  # waits for the sound card's thread
        self._microphone.put_nowait(None)

    def _without_agent(self, frame: bytes) -> bytes:
        if self._echo is not None:
            return self._echo.heard(frame)
        return frame if self._loop.time() >= self._quiet_from_s else _SILENT_FRAME

    def _open_stream(self) -> Any:
        try:
            stream = self._sounddevice.RawStream(
                samplerate=SAMPLE_RATE_HZ,
                blocksize=FRAME_SAMPLES,
                channels=1,
                dtype="int16",
                latency="low",
                callback=self._on_sound_card,
                finished_callback=self._on_stopped,
            )
            stream.start()
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise _no_device(error) from error
        return stream

    def _on_sound_card(self, heard: Any, out: Any, frames: int, time: Any, status: Any) -> None:
        """In PortAudio's thread: one frame in, one frame out, no waiting."""
        frame = bytes(heard)
        out[:] = self._next_out.ljust(len(out), b"\0")[: len(out)]
        self._next_out = b""
        self._call_soon(self._on_frame, frame)

    def _on_frame(self, heard: bytes) -> None:
        """In the loop, once a frame."""
        if self._closed:
            return
        self._send_next()
        if self._microphone.qsize() >= _MAX_WAITING_FRAMES:
            self._microphone.get_nowait()
        self._microphone.put_nowait(heard)

    def _send_next(self) -> None:
        frame = self._playout.take(FRAME_BYTES)
        now_s = self._loop.time()
        if frame:
            self._quiet_from_s = now_s + (FRAME_MS + _ECHO_TAIL_MS) / 1000
            if self._recorder is not None:
                self._recorder.agent(frame, now_s)
        frame = frame.ljust(FRAME_BYTES, b"\0")
        if self._echo is not None:
            self._echo.played(frame)
        self._next_out = frame

    def _on_stopped(self) -> None:
        """In PortAudio's thread, also when the device goes away."""
        self._call_soon(self._on_end)

    def _on_end(self) -> None:
        if not self._closed:
            self._lost = True
            self._microphone.put_nowait(None)

    def _call_soon(self, function: Any, *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


class WebRtcEchoCanceller:
    """Takes what the loudspeaker plays out of what the microphone hears, by WebRTC's canceller and noise suppression. Frames
    of 20 ms. Raises ``MediaError`` where ``livekit`` isn't installed."""

    def __init__(self) -> None:
        try:
            from livekit import rtc
        except ImportError as error:
            detail = "echo cancellation needs the package 'livekit': pip install 'ledgerline[livekit]'"
            raise MediaError(MediaFailure.NO_LIBRARY, detail) from error
        self._frame_type: Any = rtc.AudioFrame
        self._processor: Any = rtc.AudioProcessingModule(
            echo_cancellation=True, noise_suppression=True, high_pass_filter=True
        )

    def played(self, frame: bytes) -> None:
        for part in self._parts(frame):
            self._processor.process_reverse_stream(part)

    def heard(self, frame: bytes) -> bytes:
        cleaned = bytearray()
        for part in self._parts(frame):
            self._processor.set_stream_delay_ms(2 * FRAME_MS)
            self._processor.process_stream(part)
            cleaned += bytes(part.data)
        return bytes(cleaned)

    def _parts(self, frame: bytes) -> list[Any]:
        return [
            self._frame_type(bytearray(frame[at : at + _APM_FRAME_BYTES]), SAMPLE_RATE_HZ, 1, _APM_FRAME_BYTES // 2)
            for at in range(0, len(frame), _APM_FRAME_BYTES)
        ]


def require_sound_devices() -> None:
    """Raises ``MediaError`` where a microphone or a loudspeaker is plainly missing: nobody waits for a call that can't be."""
    library = sound_library()
    try:
        library.query_devices(kind="input")
        library.query_devices(kind="output")
    except (library.PortAudioError, ValueError) as error:
        raise _no_device(error) from error


def _no_device(error: Exception) -> MediaError:
    detail = f"no usable microphone and loudspeaker on this machine ({error}): try --wav or --script instead"
    return MediaError(MediaFailure.NO_DEVICE, detail)


def sound_library() -> Any:
    """``sounddevice``. Raises ``MediaError`` where it, or the library that it loads, is missing."""
    try:
        import sounddevice  # type: ignore[import-untyped]
    except ImportError as error:
        detail = "the microphone needs the package 'sounddevice': pip install 'ledgerline[voice]'"
        raise MediaError(MediaFailure.NO_LIBRARY, detail) from error
    except OSError as error:  # the package is there, the library that it loads isn't
        detail = (
            "the microphone needs the PortAudio library: apt-get install libportaudio2 (macOS: brew install portaudio)"
        )
        raise MediaError(MediaFailure.NO_LIBRARY, detail) from error
    return sounddevice
