"""Cartesia as a voice: 16 kHz PCM as it is made, with the time of every word, over sockets that are kept warm.

The vendor's SDK isn't used: a context whose socket dies is never told (docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from agent_core.ports import Speech
from providers.cartesia_contexts import CartesiaContexts
from providers.voice_rendering import Waits, render
from providers.voice_sockets import VoiceSockets

DEFAULT_VOICE = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"  # the one in the vendor's own examples
DEFAULT_MODEL = "sonic-3.5"
_PRODUCTION = "wss://api.cartesia.ai"


@dataclass(frozen=True, slots=True)
class CartesiaSettings:
    api_key: str = field(repr=False)
    voice_id: str = DEFAULT_VOICE
    model: str = DEFAULT_MODEL
    url: str | None = None  # http or ws; None: Cartesia
    options: Mapping[str, object] = field(default_factory=dict)  # passed through in each request
    first_audio_timeout_ms: int = 4000
    stall_ms: int = 2000  # longest wait for the next piece of audio


class CartesiaVoice:
    """A ``SpeechSynthesiser``."""

    def __init__(self, settings: CartesiaSettings, *, name: str = "cartesia") -> None:
        self.name = name
        self._waits = Waits(settings.first_audio_timeout_ms, settings.stall_ms)
        dialect = CartesiaContexts(
            name=name,
            url=_websocket_url(settings.url or _PRODUCTION),
            api_key=settings.api_key,
            voice_id=settings.voice_id,
            model=settings.model,
            options=settings.options,
        )
        self._sockets = VoiceSockets(dialect, connect_timeout_ms=settings.first_audio_timeout_ms)

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        """Audio as it is made. Raises ProviderError; what was yielded before stays true."""
        if not text.strip():
            return
        async with aclosing(render(self._sockets, text, self._waits)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._sockets.close()


def _websocket_url(url: str) -> str:
    """Of a base URL that may be given as http or as ws."""
    scheme, _, rest = url.rstrip("/").partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}"
