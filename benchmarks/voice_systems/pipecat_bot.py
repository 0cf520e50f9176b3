"""Pipecat: a cascade as its scaffold makes it, over a transport that is the line.

Set up for speed as its documentation advises: Flux ends turns and its eager end begins the answer, the voice has raw PCM
at the rate of the line, chunks to the line are the smallest.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import openai
from loguru import logger
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from agent_core.ports import SAMPLE_RATE_HZ
from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.labelled_client import labelled_client
from benchmarks.voice_systems.plan import Plan
from benchmarks.voice_systems.said import GREETING, INSTRUCTIONS
from benchmarks.voice_systems.system import System
from voice_gateway.wav_media import WavMedia

_KEY = "benchmark"
_RETRIES = openai.DEFAULT_MAX_RETRIES  # the service leaves them as the SDK has them


class Pipecat(System):
    async def open(self) -> None:
        logger.remove()
        logger.add(sys.stderr, level="ERROR")

    async def answer(self, far_end: FarEnd) -> Callable[[float], bool]:
        url, media = self.plan.url, far_end.media
        sockets = url.replace("http", "ws", 1)
        params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE_HZ,
            audio_out_sample_rate=SAMPLE_RATE_HZ,
            audio_out_10ms_chunks=2,
            audio_out_end_silence_secs=0,
        )
        context = LLMContext(messages=[{"role": "system", "content": INSTRUCTIONS}])
        user, assistant = LLMContextAggregatorPair(context)
        line_in, line_out = _LineIn(media, params), _LineOut(media, params)
        pipeline = Pipeline(
            [
                line_in,
                DeepgramFluxSTTService(
                    api_key=_KEY,
                    url=f"{sockets}/v2/listen",
                    sample_rate=SAMPLE_RATE_HZ,
                    enable_eager_end_of_turn=True,
                    settings=DeepgramFluxSTTService.Settings(eager_eot_threshold=0.4),
                ),
                user,
                _Model(far_end, url),
                ElevenLabsTTSService(
                    api_key=_KEY,
                    url=sockets,
                    sample_rate=SAMPLE_RATE_HZ,
                    settings=ElevenLabsTTSService.Settings(voice="emulated", model="eleven_flash_v2_5"),
                ),
                line_out,
                assistant,
            ]
        )
        worker = PipelineWorker(
            pipeline,
            params=PipelineParams(audio_in_sample_rate=SAMPLE_RATE_HZ, audio_out_sample_rate=SAMPLE_RATE_HZ),
            enable_rtvi=False,
            idle_timeout_secs=None,
        )
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run())
        await worker.queue_frame(TTSSpeakFrame(GREETING))
        over = asyncio.create_task(line_in.over.wait())
        await asyncio.wait({running, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        await worker.cancel()
        await running
        await media.close()
        return lambda at: True


class _Model(OpenAILLMService):
    """The service as it is; its requests name the emulator's draws."""

    def __init__(self, far_end: FarEnd, url: str) -> None:
        self._labelled = labelled_client(far_end, url, _KEY, max_retries=_RETRIES)
        super().__init__(api_key=_KEY, settings=OpenAILLMService.Settings(model="emulated"))

    def create_client(self, *arguments: Any, **options: Any) -> openai.AsyncOpenAI:
        return self._labelled


class _LineIn(BaseInputTransport):
    def __init__(self, media: WavMedia, params: TransportParams) -> None:
        super().__init__(params)
        self._media = media
        self._reading: asyncio.Task[None] | None = None
        self.over = asyncio.Event()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._reading = self.create_task(self._read())

    async def cleanup(self) -> None:
        await super().cleanup()
        if self._reading:
            await self.cancel_task(self._reading)

    async def _read(self) -> None:
        async for pcm in self._media.frames():
            await self.push_audio_frame(InputAudioRawFrame(pcm, SAMPLE_RATE_HZ, 1))
        self.over.set()


class _LineOut(BaseOutputTransport):
    """Writes at the line's pace, as transports over sockets do by a clock of their own."""

    def __init__(self, media: WavMedia, params: TransportParams) -> None:
        super().__init__(params)
        self._media = media

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._media.clear()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        await super().push_frame(frame, direction)
        if isinstance(frame, BotStoppedSpeakingFrame) and direction is FrameDirection.DOWNSTREAM:
            await self._media.agent_idle()

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await self._media.play(frame.audio)
        return True


def open_system(plan: Plan) -> System:
    return Pipecat(plan)
