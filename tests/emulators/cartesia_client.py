"""Cartesia's SDK on an emulator, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cartesia import AsyncCartesia
from cartesia.resources.tts import AsyncTTSResourceConnection, AsyncWebSocketContext

from emulators.config import EmulatorConfig
from emulators.server import EmulatorServer
from tests.emulators.harness import KEY, running

PCM: dict[str, Any] = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}
ENOUGH_S = 10.0


@asynccontextmanager
async def connected(
    config: EmulatorConfig | None = None, key: str = KEY
) -> AsyncIterator[tuple[EmulatorServer, AsyncTTSResourceConnection]]:
    """Through the SDK."""
    async with running(config) as server:
        sdk = AsyncCartesia(api_key=key, websocket_base_url=server.url.replace("http", "ws"))
        async with sdk.tts.websocket_connect() as connection:
            yield server, connection


def context(connection: AsyncTTSResourceConnection, **changes: Any) -> AsyncWebSocketContext:
    settings: dict[str, Any] = {"model_id": "sonic-3.5", "voice": {"id": "amy"}, "output_format": PCM}
    return connection.context(**{"timeout": ENOUGH_S, **settings, **changes})


async def received(speaking: AsyncWebSocketContext) -> list[Any]:
    return [event async for event in speaking.receive()]
