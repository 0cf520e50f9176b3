"""LiveKit Agents: its AgentSession with its own plugins, sound in and out by its ports for them, as its console has it.

Set up for speed as its documentation advises for Flux: the recogniser ends turns (``turn_detection="stt"``, no further
delay), answers are begun on the eager end, their speech too, and the voice takes raw PCM.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import LLM, FallbackAdapter
from livekit.agents.voice import io
from livekit.plugins import deepgram, elevenlabs, openai

from agent_core.ports import FRAME_BYTES, SAMPLE_RATE_HZ
from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.labelled_client import labelled_client
from benchmarks.voice_systems.livekit_hedge import HedgedLLM
from benchmarks.voice_systems.plan import Plan
from benchmarks.voice_systems.said import GREETING, INSTRUCTIONS
from benchmarks.voice_systems.system import System
from voice_gateway.wav_media import WavMedia

_KEY = "benchmark"
_DRAIN_S = 0.01
# The adapter's own default is 5 s. 1 s is above the p95 of a first token, and the shortest that doesn't mostly cut off
# answers that were coming.
_ATTEMPT_TIMEOUT_S = 1.0
_HEDGED = 3


class LiveKit(System):
    """``options``: ``model`` is one, fallback or hedged."""

    async def open(self) -> None:
        logging.getLogger("livekit").setLevel(logging.ERROR)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def answer(self, far_end: FarEnd) -> Callable[[float], bool]:
        media = far_end.media
        session: AgentSession[None] = AgentSession(
            stt=deepgram.STTv2(
                api_key=_KEY,
                base_url=f"{self.plan.url}/v2/listen",
                eager_eot_threshold=0.4,
                audio_chunk_duration_ms=80,
                http_session=self._http,
            ),
            llm=self._model(far_end),
            tts=elevenlabs.TTS(
                api_key=_KEY,
                base_url=f"{self.plan.url}/v1",
                model="eleven_flash_v2_5",
                encoding="pcm_16000",
                http_session=self._http,
            ),
            turn_handling={
                "turn_detection": "stt",
                "endpointing": {"min_delay": 0.0},
                "interruption": {"mode": "vad"},
                "preemptive_generation": {"enabled": True, "preemptive_tts": True},
            },
            aec_warmup_duration=None,
            user_away_timeout=None,
        )
        line = _LineIn(media)
        session.input.audio, session.output.audio = line, _LineOut(media)

        def told(event: object) -> None:
            if getattr(event, "old_state", "") == "speaking":
                told_so = asyncio.create_task(media.agent_idle())
                telling.add(told_so)
                told_so.add_done_callback(telling.discard)

        telling: set[asyncio.Task[None]] = set()
        session.on("agent_state_changed", told)
        await session.start(Agent(instructions=INSTRUCTIONS), record=False)
        session.say(GREETING)
        await line.over.wait()
        await session.aclose()
        await media.close()
        return lambda at: True

    async def close(self) -> None:
        await self._http.close()

    def _model(self, far_end: FarEnd) -> LLM:
        client = labelled_client(far_end, self.plan.url, _KEY, max_retries=0)
        kind = (self.plan.options or {})["model"]
        models: list[LLM] = [openai.LLM(model="emulated", client=client) for _ in range(2)]
        if kind == "fallback":
            return FallbackAdapter(models, attempt_timeout=_ATTEMPT_TIMEOUT_S, retry_on_chunk_sent=True)
        return HedgedLLM(models[0], _HEDGED) if kind == "hedged" else models[0]


class _LineIn(io.AudioInput):
    def __init__(self, media: WavMedia) -> None:
        super().__init__(label="line")
        self._frames = self._read(media)
        self.over = asyncio.Event()

    async def _read(self, media: WavMedia) -> AsyncIterator[rtc.AudioFrame]:
        async for pcm in media.frames():
            yield rtc.AudioFrame(pcm, SAMPLE_RATE_HZ, 1, FRAME_BYTES // 2)
        self.over.set()

    async def __anext__(self) -> rtc.AudioFrame:
        return await anext(self._frames)


class _LineOut(io.AudioOutput):
    """Frames go to the line at its pace; what was flushed is finished once all of it went out."""

    def __init__(self, media: WavMedia) -> None:
        super().__init__(label="line", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=SAMPLE_RATE_HZ)
        self._media = media
        self._pushed_bytes = 0
        self._began_bytes = 0
        self._finishing: asyncio.Task[None] | None = None
        self._cleared = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if self._finishing and not self._finishing.done():
            await self._finishing
        await super().capture_frame(frame)
        if not self._pushed_bytes:
            self._began_bytes, self._cleared = self._media.played_bytes, False
            self.on_playback_started(created_at=time.time())
        pcm = bytes(frame.data)
        self._pushed_bytes += len(pcm)
        await self._media.play(pcm)

    def flush(self) -> None:
        super().flush()
        if self._pushed_bytes:
            self._finishing = asyncio.create_task(self._finish())

    def clear_buffer(self) -> None:
        self._media.clear()
        self._cleared = True

    async def _finish(self) -> None:
        while not self._cleared and self._played() < self._pushed_bytes:  # noqa: ASYNC110 (the line tells nobody)
            await asyncio.sleep(_DRAIN_S)
        played_s = min(self._played(), self._pushed_bytes) / (2 * SAMPLE_RATE_HZ)
        self._pushed_bytes = 0
        self.on_playback_finished(playback_position=played_s, interrupted=self._cleared)

    def _played(self) -> int:
        return self._media.played_bytes - self._began_bytes


def open_system(plan: Plan) -> System:
    return LiveKit(plan)
