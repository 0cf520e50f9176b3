"""The vendors' voices as the conformance suite sees them: how each is made, and what it can do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

from agent_core.ports import Speech
from emulators.config import EmulatorConfig
from emulators.faults import Service
from emulators.server import EmulatorServer
from emulators.state import ServiceStats
from providers.cartesia_voice import CartesiaSettings, CartesiaVoice
from providers.elevenlabs_voice import ElevenLabsSettings, ElevenLabsVoice
from tests.emulators.harness import KEY, quick_config, running
from tests.support import eventually

MS_PER_CHAR = 60
BYTES_PER_MS = 32
TEXT = "Your card is blocked now. A new one comes on Monday, by post."
HEAD = "Your card is blocked now. "

Voice = ElevenLabsVoice | CartesiaVoice


class Vendor(NamedTuple):
    """``contexts``: speaks over sockets that several texts share, and tells the time of each word."""

    name: str
    settings: type[ElevenLabsSettings] | type[CartesiaSettings]
    voice: type[ElevenLabsVoice] | type[CartesiaVoice]
    fixed: dict[str, Any]
    contexts: bool

    def make(self, url: str, **changes: Any) -> Voice:
        settings = self.settings(**{"api_key": KEY, "voice_id": "amy", "url": url, **self.fixed, **changes})
        return self.voice(settings)  # type: ignore[arg-type]

    @asynccontextmanager
    async def speaking(self, url: str, **changes: Any) -> AsyncIterator[Voice]:
        made = self.make(url, **changes)
        try:
            yield made
        finally:
            await made.close()


ELEVENLABS = Vendor("elevenlabs", ElevenLabsSettings, ElevenLabsVoice, {"transport": "websocket"}, contexts=True)
ELEVENLABS_HTTP = Vendor("elevenlabs-http", ElevenLabsSettings, ElevenLabsVoice, {"transport": "http"}, contexts=False)
CARTESIA = Vendor("cartesia", CartesiaSettings, CartesiaVoice, {}, contexts=True)
VENDORS = (ELEVENLABS, ELEVENLABS_HTTP, CARTESIA)
WITH_CONTEXTS = tuple(vendor for vendor in VENDORS if vendor.contexts)


async def said(voice: Voice, text: str = TEXT) -> list[Speech]:
    return [piece async for piece in voice.speak(text)]


async def given_up(voice: Voice, text: str = TEXT) -> None:
    """Somebody barges in at the first sound."""
    async with aclosing(voice.speak(text)) as pieces:
        async for piece in pieces:
            if piece.pcm:
                return


def audio(pieces: list[Speech]) -> bytes:
    return b"".join(piece.pcm for piece in pieces)


def words(pieces: list[Speech]) -> list[str]:
    return [word.word for piece in pieces for word in piece.words]


def length_ms(text: str) -> int:
    """Of the emulated voice's audio. ElevenLabs is sent every text with a space behind it."""
    return len(text) * MS_PER_CHAR


@asynccontextmanager
async def emulating(
    vendor: Vendor, config: EmulatorConfig | None = None
) -> AsyncIterator[tuple[EmulatorServer, Voice]]:
    async with running(config or quick_config()) as server, vendor.speaking(server.url) as voice:
        yield server, voice


def stats(server: EmulatorServer) -> ServiceStats:
    return server.stats(Service.TTS)


async def quiet(server: EmulatorServer) -> ServiceStats:
    """The counters once nothing is being spoken any more."""

    async def look() -> ServiceStats | None:
        return None if stats(server).in_flight else stats(server)

    return await eventually(look)
