"""The vendors' emulators, and calls that use them through the real SDKs, many at once.

Every call has a name; faults are set by it: the model's by the label that the call's id is part of, the voice's by the
voice id, the recogniser's by the tag.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import console.call
import console.vendors
from agent_core.ports import ProviderError, Speech, SpeechSynthesiser
from console.agent import Agent, make_model, usable
from console.call import CallParts
from console.emulated import marked
from console.settings import LlmSettings, Settings, SttSettings, TtsSettings
from console.vendor_trouble import VendorTrouble
from console.vendors import open_speech
from emulators.config import EmulatorConfig
from emulators.server import EmulatorServer
from emulators.state import ServiceStats
from tests.calls.answered import Held, answer, embedder, follows, local_parts, write_script
from tests.support import unhurried

KEY = "a-good-key"
WORDS = "Hi, I lost my credit card."
PROGRAM = """
import sys
from emulators.config import EmulatorConfig
from emulators.run import serve
serve(EmulatorConfig.model_validate_json(sys.argv[1]), started=lambda url: print(url, flush=True))
"""


def emulated(
    faults: list[dict[str, Any]],
    model_says: str,
    heard: Sequence[str] = (WORDS,),
    script: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A configuration. ``heard``: what each call's recogniser hears, turn after turn. ``script``: what the model says where
    it fits; else the approved wording, and ``model_says`` where there is none."""
    return {
        "accepted_keys": [KEY],
        "llm": {
            "first_token": {"median_ms": 40, "p95_ms": 60},
            "tokens_per_s": 2000,
            "canned": model_says,
            "script": list(script),
        },
        "tts": {"first_audio_ms": [20, 40], "ms_per_char": 20},
        "stt": {"transcripts": list(heard)},
        "faults": faults,
    }


@contextmanager
def emulators(config: Mapping[str, Any]) -> Iterator[str]:
    """The base URL of a server that runs in a process of its own."""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(config)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def vendor_settings(url: str, **changes: Mapping[str, Any]) -> Settings:
    """All three vendors; ``changes`` by part (stt, tts, llm)."""
    stt = {"provider": "deepgram", "url": url, "api_key": KEY, **changes.get("stt", {})}
    tts = {"provider": "elevenlabs", "url": url, "api_key": KEY, **changes.get("tts", {})}
    llm = {"url": f"{url}/v1", "api_key": KEY, "model": "emulated", **changes.get("llm", {})}
    return Settings(stt=SttSettings(**stt), tts=TtsSettings(**tts), llm=LlmSettings(**llm))


class PartsMaker:
    """Puts parts together as ``open_parts`` does, on the local ones that this process has loaded already."""

    def __init__(self) -> None:
        self.agents: dict[
            str, tuple[Agent, LlmSettings]
        ] = {}  # by model settings: what is asked of a model is the same

    async def agent(self, settings: LlmSettings, trouble: VendorTrouble) -> tuple[Agent, LlmSettings]:
        def mute(error: ProviderError) -> None:
            trouble.tell("llm", error, "approved wordings are said")

        key = repr([(p.url, p.model, p.api_key and p.api_key.get_secret_value()) for p in settings.all()])
        if key not in self.agents:
            models = await usable(await marked(settings), mute)
            model = make_model(models, local_parts().behaviour, mute)
            self.agents[key] = Agent(local_parts().behaviour, embedder(), model), models
        return self.agents[key]

    async def parts(self, settings: Settings) -> CallParts:
        trouble, local = VendorTrouble(), local_parts()
        agent, models = await self.agent(settings.llm, trouble)
        speech = await open_speech(settings, trouble)
        return local._replace(agent=agent, speech=speech, models=models)


class Shared:
    """The local voice that this process has loaded: whoever closes it is not its last user."""

    def __init__(self, voice: SpeechSynthesiser) -> None:
        self._voice, self.name = voice, voice.name

    def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        return self._voice.speak(text)

    async def close(self) -> None:
        return


class AtOnce(NamedTuple):
    """Calls by name; what the server counted of the voice."""

    held: dict[str, Held]
    voice: ServiceStats


def answered_at_once(
    folder: Path,
    config: Mapping[str, Any],
    calls_on: Callable[[str], Mapping[str, Settings]],
    monkeypatch: pytest.MonkeyPatch,
    script: str,
) -> AtOnce:
    """Every call, beside each other, each of them on a server at the URL that ``calls_on`` is given; the caller follows
    ``script``. Calls and server keep one virtual clock: no caller waits for what else this machine has to do."""
    local = local_parts()
    assert local.speech.local_voice is not None
    shared = Shared(local.speech.local_voice)
    monkeypatch.setattr("providers.local_voice.open_local_voice", lambda order: shared)

    async def one(name: str, parts: CallParts) -> Held:
        data = folder / name
        data.mkdir(parents=True)
        return await answer(data, follows(write_script(data, script)), parts)

    async def all_of_them() -> AtOnce:
        server, maker = EmulatorServer(EmulatorConfig.model_validate(config)), PartsMaker()
        await server.start()
        try:
            calls = calls_on(server.url)
            for settings in calls.values():
                await maker.agent(settings.llm, VendorTrouble())
            opened = await asyncio.gather(*(maker.parts(settings) for settings in calls.values()))
            names = iter(calls)
            monkeypatch.setattr(console.call, "new_call_id", lambda: f"call-{next(names)}")
            held = await asyncio.gather(*(one(name, parts) for name, parts in zip(calls, opened, strict=True)))
            for parts in opened:
                await parts.agent.model.close()
                await parts.speech.close()
            return AtOnce(dict(zip(calls, held, strict=True)), server.stats("tts"))
        finally:
            await server.stop()

    return unhurried(all_of_them())
