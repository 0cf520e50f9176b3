"""A running emulator for a test, quick unless the test says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from emulators.config import EmulatorConfig
from emulators.flux_hearing import Recognise
from emulators.server import EmulatorServer
from emulators.speaking import Synthesise

KEY = "a-test-key"


def quick_config(**settings: Any) -> EmulatorConfig:
    """A configuration whose latencies are a few ms; keyword arguments are merged over it, one level deep."""
    quick: dict[str, Any] = {
        "accepted_keys": [KEY],
        "llm": {"first_token": {"median_ms": 1, "p95_ms": 1}, "tokens_per_s": 20_000},
        "tts": {"first_audio_ms": [1, 2], "speed": 2000},
    }
    for name, value in settings.items():
        quick[name] = {**quick[name], **value} if name in ("llm", "tts") else value
    return EmulatorConfig.model_validate(quick)


@asynccontextmanager
async def running(
    config: EmulatorConfig | None = None,
    *,
    recognise: Recognise | None = None,
    synthesise: Synthesise | None = None,
) -> AsyncIterator[EmulatorServer]:
    server = EmulatorServer(config or quick_config(), recognise=recognise, synthesise=synthesise)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
