"""The pace and the faults of one spoken text, whatever it is carried by: HTTP or one of the websockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from emulators.draws import Draw, draw_for
from emulators.faults import DropMidAudio, NoFinal, Service, StallBeforeAudio, StallMidAudio, Struck
from emulators.state import EmulatorState, now_s, sleep_until
from emulators.voice import SAMPLE_RATE_HZ, Chunk, OutputFormat, chunks, synthesised

Synthesise = Callable[[str], bytes]  # text -> PCM16, 16 kHz, mono


class AudioDropped(Exception):  # noqa: N818 - an outcome that was asked for
    """The fault says that the connection goes now. ``close_code`` None: with no close frame."""

    def __init__(self, close_code: int | None) -> None:
        super().__init__(f"drop mid-audio, code {close_code}")
        self.close_code = close_code


@dataclass
class Voice:
    """One utterance's voice: its first text waits for the first-audio latency, later ones follow on.

    ``draw`` None: the latency is named by the first text without the space around it, for sockets that open before there
    is one.
    """

    state: EmulatorState
    struck: Struck
    form: OutputFormat
    synthesise: Synthesise | None
    draw: Draw | None = None
    sent_ms: float = 0.0
    text_ms: float = 0.0  # length of the audio of the text that is being spoken
    _stalled: bool = False
    _spoke: bool = False

    @property
    def never_final(self) -> bool:
        return self.struck.get(NoFinal) is not None

    async def speak(self, text: str) -> AsyncIterator[Chunk]:
        """Pieces of audio, each when it is due: the first after its latency, the rest ``speed`` times real time.

        Raises AudioDropped.
        """
        began_s = now_s()
        settings = self.state.config.tts
        slow = self.state.slowness(Service.TTS)
        self.state.stats[Service.TTS].characters += len(text)
        samples = await synthesised(text, settings.ms_per_char, self.synthesise)
        self.text_ms = len(samples) * 1000 / SAMPLE_RATE_HZ
        due_s = began_s + self._first_s(text, slow)
        for chunk in chunks(text, samples, settings.chunk_ms, self.form):
            await self._mid_audio_faults()
            await sleep_until(due_s)
            yield chunk
            self.sent_ms += chunk.duration_ms
            due_s = max(due_s, now_s()) + chunk.duration_ms / 1000 / settings.speed * slow

    def _first_s(self, text: str, slow: float) -> float:
        if self._spoke:
            return 0.0
        self._spoke = True
        low, high = self.state.config.tts.first_audio_ms
        draw = self.draw or draw_for(self.state.config.seed, {}, fallback=text.strip(), kind="speech")
        stall = self.struck.get(StallBeforeAudio)
        return draw.uniform("first audio", low, high) / 1000 * slow + (stall.stall_s if stall else 0.0)

    async def _mid_audio_faults(self) -> None:
        if (drop := self.struck.get(DropMidAudio)) and self.sent_ms >= drop.after_ms:
            raise AudioDropped(drop.close_code)
        if (stall := self.struck.get(StallMidAudio)) and not self._stalled and self.sent_ms >= stall.after_ms:
            self._stalled = True
            await sleep_until(now_s() + stall.stall_s)
