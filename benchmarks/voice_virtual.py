"""Thousands of spoken turns on a virtual clock: the production gateway, owner, log and deciders, and the emulators' machines,
draws and paces without their sockets. What SDKs, sockets and the machine cost isn't in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from agent_core.behaviour import Behaviour
from agent_core.hedging import Hedging
from agent_core.ports import RecogniserEvent, TurnEnded, TurnMaybeEnded, TurnResumed, TurnStarted, TurnUpdated
from agent_core.ports import Speech as Sound
from benchmarks.ear_calls import Exchange
from benchmarks.emulated_model import EmulatedModel
from benchmarks.temporary_log import temporary_log
from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.plan import Turn
from console.agent import Agent
from console.call import CallParts
from console.settings import LlmSettings
from console.vendor_trouble import VendorTrouble
from console.vendors import Speech
from console.workspace import SqliteWorkspace
from emulators.config import EmulatorConfig, Utterance
from emulators.faults import Struck
from emulators.flux_audio import AudioIn
from emulators.flux_hearing import ScriptedHearing
from emulators.flux_turns import Event, Happening, TurnMachine, TurnRules
from emulators.speaking import Voice
from emulators.state import EmulatorState
from emulators.voice import SAMPLE_RATE_HZ, output_format
from providers.embeddings import MiniLM
from providers.extra_calls import ExtraCalls
from providers.model_router import ModelRouter
from providers.phrase_store import PhraseStore
from providers.voice_activity import EnergyVoiceActivity

_CHUNK_BYTES = 80 * SAMPLE_RATE_HZ * 2 // 1000  # as the adapter sends it
_CONFIDENCE = 0.8


async def calls_heard(behaviour: Behaviour, config: EmulatorConfig, calls: int, turns: int) -> list[Turn]:
    """So many calls at once, with so many turns each. For a virtual loop."""
    heard: list[Turn] = []
    with temporary_log() as workspace:
        workspace.recordings.mkdir(parents=True, exist_ok=True)
        exchange = Exchange(workspace, await _parts(behaviour, config, workspace), EnergyVoiceActivity)

        async def call(number: int) -> None:
            far_end = FarEnd(f"voice-{number:03}", turns, workspace.recordings)
            try:
                held = await exchange.hold(far_end.call_id, far_end.media)
            finally:
                far_end.close()
            heard.extend(far_end.heard(held.is_reply))

        async with exchange.open():
            await asyncio.gather(*(call(number) for number in range(calls)))
    return heard


async def _parts(behaviour: Behaviour, config: EmulatorConfig, workspace: SqliteWorkspace) -> CallParts:
    model = EmulatedModel("emulated", config)
    routing = behaviour.routing
    hedging = routing.hedging or Hedging()
    router = ModelRouter(
        {name: [model] for name in (routing.model, routing.guard_model, routing.classifier)},
        extra=ExtraCalls(hedging.extra_share, hedging.burst),
    )
    voice = VirtualVoice(config)
    phrases = PhraseStore(voice, workspace.directory / "phrases")
    await phrases.render(behaviour.lines.disclosure)
    speech = Speech([VirtualFlux(config)], voice, None, frozenset(), VendorTrouble())
    agent = Agent(behaviour, MiniLM(), router)
    return CallParts(behaviour, workspace.record(behaviour), agent, speech, phrases, LlmSettings())


class VirtualFlux:
    """A ``SpeechRecogniser``."""

    name = "deepgram-flux"

    def __init__(self, config: EmulatorConfig) -> None:
        self._config = config

    async def open(self) -> _Session:
        return _Session(self._config, self._config.stt.utterances(()))

    async def close(self) -> None:
        """Nothing is held."""


class _Session:
    def __init__(self, config: EmulatorConfig, utterances: Sequence[Utterance]) -> None:
        settings = config.stt
        self._settings = settings
        self._audio = AudioIn("linear16", SAMPLE_RATE_HZ, settings.speech_dbfs)
        self._hearing = ScriptedHearing(utterances, settings.words_per_s)
        self._machine = TurnMachine(
            self._rules, start_ms=settings.start_ms, update_every_ms=settings.update_every_s * 1000
        )
        self._chunk = bytearray()
        self._events: asyncio.Queue[RecogniserEvent | None] = asyncio.Queue()

    async def push(self, pcm: bytes) -> None:
        self._chunk += pcm
        if len(self._chunk) < _CHUNK_BYTES:
            return
        for _, speech in self._audio.frames(bytes(self._chunk)):
            for happening in self._machine.frame(speech):
                self._tell(happening, " ".join(await self._hearing.words(happening)))
        self._chunk.clear()

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        self._events.put_nowait(None)

    def _rules(self, turn: int) -> TurnRules | None:
        if not self._hearing.can_start(turn):
            return None
        return TurnRules(
            self._settings.eager_ms, self._settings.end_ms, 5000.0, not_before_ms=self._hearing.duration_ms(turn)
        )

    def _tell(self, happening: Happening, text: str) -> None:
        ended_ms, at_ms = happening.speech_end_ms, happening.audio_ms
        told: dict[Event, RecogniserEvent] = {
            Event.START: TurnStarted(at_ms),
            Event.UPDATE: TurnUpdated(text, at_ms),
            Event.EAGER: TurnMaybeEnded(text, _CONFIDENCE, ended_ms, at_ms),
            Event.RESUMED: TurnResumed(text, at_ms),
            Event.END: TurnEnded(text, _CONFIDENCE, ended_ms, at_ms),
        }
        self._events.put_nowait(told[happening.event])


class VirtualVoice:
    """A ``SpeechSynthesiser``."""

    name = "elevenlabs"

    def __init__(self, config: EmulatorConfig) -> None:
        self._state = EmulatorState(config)

    async def speak(self, text: str) -> AsyncGenerator[Sound, None]:
        voice = Voice(self._state, Struck(()), output_format("pcm_16000"), None)
        async for chunk in voice.speak(text):
            yield Sound(chunk.audio)

    async def close(self) -> None:
        """Nothing is held."""
