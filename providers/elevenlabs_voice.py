"""ElevenLabs as a voice: 16 kHz PCM as it is made, with the time of every word where the vendor tells it.

Two transports. ``websocket`` (multi-stream-input) brings the alignment of characters, from which what was really spoken
is known to the word, and its sockets stay warm between sentences; the SDK has no client for it, so it is spoken here.
``http`` is the SDK's own stream, without alignment. ``auto`` is the websocket, and HTTP from then on where the endpoint
has no websocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent_core.ports import FailureReason, ProviderError, Speech
from providers.elevenlabs_contexts import IN_BODY, OUTPUT_FORMAT, ElevenLabsContexts
from providers.http_failures import status_error
from providers.voice_rendering import Waits, render
from providers.voice_sockets import HandshakeRefusedError, VoiceSockets
from providers.whole_samples import WholeSamples

if TYPE_CHECKING:
    from elevenlabs import AsyncElevenLabs

DEFAULT_VOICE = "21m00Tcm4TlvDq8ikWAM"
DEFAULT_MODEL = "eleven_flash_v2_5"
_PRODUCTION = "https://api.elevenlabs.io"
_NO_WEBSOCKET = (404, 405, 501)  # what a server without the websocket answers to its handshake


@dataclass(frozen=True, slots=True)
class ElevenLabsSettings:
    api_key: str = field(repr=False)
    voice_id: str = DEFAULT_VOICE
    model: str = DEFAULT_MODEL
    url: str | None = None  # http or ws, without /v1; None: ElevenLabs
    transport: Literal["auto", "websocket", "http"] = "auto"
    options: Mapping[str, object] = field(default_factory=dict)  # passed through, voice_settings among them
    first_audio_timeout_ms: int = 4000
    stall_ms: int = 2000  # longest wait for the next piece of audio


class ElevenLabsVoice:
    """A ``SpeechSynthesiser``. Raises ProviderError MISSING from the constructor where the package isn't there."""

    def __init__(self, settings: ElevenLabsSettings, *, name: str = "elevenlabs") -> None:
        try:
            import httpx
            from elevenlabs import AsyncElevenLabs
        except ImportError as error:
            raise ProviderError(FailureReason.MISSING, name, "the elevenlabs package isn't installed") from error
        self.name = name
        self._settings = settings
        self._http_url, ws_url = _base_urls(settings.url or _PRODUCTION)
        self._http = httpx.AsyncClient(timeout=settings.first_audio_timeout_ms / 1000, follow_redirects=True)
        self._sdk: AsyncElevenLabs = AsyncElevenLabs(
            api_key=settings.api_key, base_url=self._http_url, httpx_client=self._http
        )
        self._websocket = settings.transport != "http"
        self._waits = Waits(settings.first_audio_timeout_ms, settings.stall_ms)
        dialect = ElevenLabsContexts(
            name=name,
            url=ws_url,
            api_key=settings.api_key,
            voice_id=settings.voice_id,
            model=settings.model,
            options=settings.options,
        )
        self._sockets = VoiceSockets(dialect, connect_timeout_ms=settings.first_audio_timeout_ms)

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        """Audio as it is made. The last word may come with no audio, once the vendor has said that it was the last.

        Raises ProviderError; what was yielded before stays true.
        """
        if not text.strip():
            return
        if self._websocket:
            heard = False
            try:
                async with aclosing(render(self._sockets, text, self._waits)) as pieces:
                    async for piece in pieces:
                        heard = True
                        yield piece
                return
            except HandshakeRefusedError as error:
                if heard or self._settings.transport != "auto" or error.status not in _NO_WEBSOCKET:
                    raise
                self._websocket = False
        async with aclosing(self._over_http(text)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._sockets.close()
        await self._http.aclose()

    # --- HTTP, through the SDK ---------------------------------------------------------------------------------------

    async def _over_http(self, text: str) -> AsyncGenerator[Speech, None]:
        stream = self._sdk.text_to_speech.stream(
            self._settings.voice_id,
            text=text,
            model_id=self._settings.model,
            output_format=OUTPUT_FORMAT,
            request_options={
                "additional_query_parameters": self._options(in_body=False),
                "additional_body_parameters": self._options(in_body=True),
            },
        )
        samples, heard = WholeSamples(), False
        async with aclosing(stream):
            while (piece := await self._next_piece(stream, heard=heard)) is not None:
                if pcm := samples.take(piece):
                    heard = True
                    yield Speech(pcm)
        if not heard:
            raise ProviderError(FailureReason.INVALID, self.name, "no audio")

    async def _next_piece(self, stream: AsyncIterator[bytes], *, heard: bool) -> bytes | None:
        import httpx
        from elevenlabs.core.api_error import ApiError

        wait_ms = self._settings.stall_ms if heard else self._settings.first_audio_timeout_ms
        try:
            async with asyncio.timeout(wait_ms / 1000):
                return await anext(stream, None)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, "no more audio") from error
        except ApiError as error:
            raise status_error(self.name, error.status_code or 500, error.headers or {}) from error
        except httpx.HTTPError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, type(error).__name__) from error

    def _options(self, *, in_body: bool) -> dict[str, Any]:
        return {key: value for key, value in self._settings.options.items() if (key in IN_BODY) is in_body}


def _base_urls(url: str) -> tuple[str, str]:
    """The HTTP and the websocket form of a base URL that may be given as either."""
    bare = url.rstrip("/").removesuffix("/v1")
    scheme, _, rest = bare.partition("://")
    secure = scheme in ("https", "wss")
    return (f"https://{rest}", f"wss://{rest}") if secure else (f"http://{rest}", f"ws://{rest}")
