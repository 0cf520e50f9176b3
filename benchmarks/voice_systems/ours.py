"""The whole embedded product, as `ledgerline call` has it: gateway, inbox, owner, log, every guardrail, the recording."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from pydantic import SecretStr

from benchmarks.ear_calls import Exchange
from benchmarks.emulator_process import KEY
from benchmarks.temporary_log import temporary_log
from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.plan import Plan
from benchmarks.voice_systems.system import System
from console.call import open_parts
from console.settings import LlmProvider, LlmSettings, Settings, SttSettings, TtsSettings


class Ledgerline(System):
    """``options``: ``behaviour`` is the directory of the behaviour."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._open = AsyncExitStack()
        self._exchange: Exchange | None = None

    async def open(self) -> None:
        logging.getLogger("websockets").setLevel(logging.ERROR)
        workspace = self._open.enter_context(temporary_log())
        workspace.recordings.mkdir(parents=True, exist_ok=True)
        parts = await open_parts(_settings(self.plan), workspace)
        self._open.push_async_callback(parts.close)
        exchange = Exchange(workspace, parts)
        await self._open.enter_async_context(exchange.open())
        self._exchange = exchange

    async def answer(self, far_end: FarEnd) -> Callable[[float], bool]:
        assert self._exchange is not None
        held = await self._exchange.hold(far_end.call_id, far_end.media)
        return held.is_reply

    async def close(self) -> None:
        await self._open.aclose()


def open_system(plan: Plan) -> System:
    return Ledgerline(plan)


def _settings(plan: Plan) -> Settings:
    key, url = SecretStr(KEY), plan.url
    return Settings(
        behaviour=Path((plan.options or {})["behaviour"]),
        stt=SttSettings(provider="deepgram", url=url, api_key=key),
        tts=TtsSettings(provider="elevenlabs", url=url, api_key=key),
        llm=LlmSettings(providers=[LlmProvider(name="emulated", url=f"{url}/v1", api_key=key, model="emulated")]),
    )
