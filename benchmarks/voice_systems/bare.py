"""Bare asyncio: the vendors' SDKs and nothing else. One call to the model a turn, begun on the eager end and spoken sentence
by sentence; no guardrail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import NamedTuple

from agent_core.ports import (
    CompletionRequest,
    Message,
    RecogniserSession,
    Sentence,
    TurnEnded,
    TurnMaybeEnded,
    TurnResumed,
    TurnStarted,
)
from benchmarks.emulator_process import KEY
from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.plan import Plan
from benchmarks.voice_systems.said import GREETING, INSTRUCTIONS
from benchmarks.voice_systems.system import System
from providers.deepgram_flux import DeepgramFlux, FluxSettings
from providers.elevenlabs_voice import ElevenLabsSettings, ElevenLabsVoice
from providers.openai_compatible import OpenAICompatible, OpenAISettings

_TIMEOUT_MS = 15_000  # a stall is waited for: nothing else is there to ask


class Bare(System):
    async def open(self) -> None:
        url = self.plan.url
        self._ears = DeepgramFlux(FluxSettings(KEY, url=url))
        self._model = OpenAICompatible(OpenAISettings(KEY, "emulated", f"{url}/v1", emulated=True))
        self._voice = ElevenLabsVoice(ElevenLabsSettings(KEY, url=url))

    async def answer(self, far_end: FarEnd) -> Callable[[float], bool]:
        session = await self._ears.open()
        call = _Call(self._model, self._voice, far_end, session)
        talking = asyncio.create_task(call.talk())
        try:
            async for frame in far_end.media.frames():
                await session.push(frame)
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            await session.close()
        return lambda at: True

    async def close(self) -> None:
        await self._ears.close()
        await self._model.close()
        await self._voice.close()


class _Guess(NamedTuple):
    """An answer that is being made. ``sentences`` ends with None."""

    text: str
    sentences: asyncio.Queue[str | None]
    whole: asyncio.Task[str]


class _Call:
    def __init__(
        self, model: OpenAICompatible, voice: ElevenLabsVoice, far_end: FarEnd, session: RecogniserSession
    ) -> None:
        self._model, self._voice, self._far_end, self._session = model, voice, far_end, session
        self._history: list[Message] = [Message("system", INSTRUCTIONS)]
        self._guessed: _Guess | None = None
        self._attempt = 0

    async def talk(self) -> None:
        speaking = asyncio.create_task(self._greet())
        async for event in self._session.events():
            if isinstance(event, TurnStarted):
                speaking.cancel()
                self._far_end.media.clear()
                self._attempt = 0
            elif isinstance(event, TurnMaybeEnded):
                self._guess(event.text)
            elif isinstance(event, TurnResumed):
                self._drop()
            elif isinstance(event, TurnEnded):
                if self._guessed is None or self._guessed.text != event.text:
                    self._guess(event.text)
                assert self._guessed is not None
                speaking = asyncio.create_task(self._reply(self._guessed))
                self._guessed = None

    async def _greet(self) -> None:
        await self._say(GREETING)
        await self._far_end.media.agent_idle()

    def _guess(self, text: str) -> None:
        self._drop()
        sentences: asyncio.Queue[str | None] = asyncio.Queue()
        self._guessed = _Guess(text, sentences, asyncio.create_task(self._complete(text, sentences)))

    def _drop(self) -> None:
        if self._guessed:
            self._guessed.whole.cancel()
            self._guessed = None

    async def _complete(self, text: str, sentences: asyncio.Queue[str | None]) -> str:
        label, self._attempt = f"{self._far_end.label}|{self._attempt}", self._attempt + 1
        told: list[str] = []

        def tell(sentence: Sentence) -> None:
            told.append(sentence.text)
            sentences.put_nowait(sentence.text)

        messages = (*self._history, Message("user", text))
        request = CompletionRequest(
            "answer", "emulated", messages, label=label, timeout_ms=_TIMEOUT_MS, on_sentence=tell
        )
        whole = (await self._model.complete(request)).text
        rest = whole.removeprefix(" ".join(told)).strip()
        for last in (rest or None, None):
            sentences.put_nowait(last)
        return whole

    async def _reply(self, guess: _Guess) -> None:
        while (sentence := await guess.sentences.get()) is not None:
            await self._say(sentence)
        self._history += [Message("user", guess.text), Message("assistant", await guess.whole)]
        await self._far_end.media.agent_idle()

    async def _say(self, text: str) -> None:
        media = self._far_end.media
        async with aclosing(self._voice.speak(text)) as pieces:
            async for piece in pieces:
                await media.play(piece.pcm)


def open_system(plan: Plan) -> System:
    return Bare(plan)
