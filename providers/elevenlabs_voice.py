"""ElevenLabs as a voice: 16 kHz PCM as it is made, with the time of every word where the vendor tells it.

Two transports. ``websocket`` (stream-input) brings the alignment of characters, from which what was really spoken is
known to the word; the SDK's client for it is synchronous, so the socket is driven here. ``http`` is the SDK's own
stream, without alignment. ``auto`` is the websocket, and HTTP from then on where the endpoint has no websocket.
"""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import aiohttp

from agent_core.ports import FailureReason, ProviderError, Speech
from providers.http_failures import status_error
from providers.word_timing import WordsFromCharacters

if TYPE_CHECKING:
    from elevenlabs import AsyncElevenLabs

_OUTPUT_FORMAT = "pcm_16000"
_BYTES_PER_MS = 32
_PRODUCTION = "https://api.elevenlabs.io"
_NO_WEBSOCKET = (404, 405, 501)  # what a server without the websocket answers to its handshake
_IN_BODY = frozenset({"voice_settings", "generation_config", "pronunciation_dictionary_locators"})
_RATE_WORDS = ("rate_limit", "too_many", "quota", "busy", "max_active")


@dataclass(frozen=True, slots=True)
class ElevenLabsSettings:
    api_key: str = field(repr=False)
    voice_id: str
    model: str = "eleven_flash_v2_5"
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
        self._http_url, self._ws_url = _base_urls(settings.url or _PRODUCTION)
        self._http = httpx.AsyncClient(timeout=settings.first_audio_timeout_ms / 1000, follow_redirects=True)
        self._sdk: AsyncElevenLabs = AsyncElevenLabs(
            api_key=settings.api_key, base_url=self._http_url, httpx_client=self._http
        )
        self._websocket = settings.transport != "http"
        self._session: aiohttp.ClientSession | None = None

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        """Audio as it is made. The last word may come with no audio, once the vendor has said that it was the last.

        Raises ProviderError; what was yielded before stays true.
        """
        if not text.strip():
            return
        if self._websocket:
            try:
                async with aclosing(self._over_websocket(text)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except _NoWebsocketError:
                self._websocket = False
        async with aclosing(self._over_http(text)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self._http.aclose()

    # --- websocket ---------------------------------------------------------------------------------------------------

    async def _over_websocket(self, text: str) -> AsyncGenerator[Speech, None]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            connecting = self._session.ws_connect(
                self._stream_input_url(),
                headers={"xi-api-key": self._settings.api_key},
                timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
                max_msg_size=0,
            )
            async with asyncio.timeout(self._settings.first_audio_timeout_ms / 1000):
                ws = await connecting
        except aiohttp.WSServerHandshakeError as error:
            if error.status in _NO_WEBSOCKET and self._settings.transport == "auto":
                raise _NoWebsocketError from error
            raise status_error(self.name, error.status, error.headers or {}) from error
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, "no connection") from error
        except aiohttp.ClientError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, type(error).__name__) from error
        async with ws:
            await self._send_text(ws, text)
            async with aclosing(self._received(ws)) as pieces:
                async for piece in pieces:
                    yield piece

    def _stream_input_url(self) -> str:
        query = {"model_id": self._settings.model, "output_format": _OUTPUT_FORMAT, **self._options(in_body=False)}
        written = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in query.items()}
        voice = urllib.parse.quote(self._settings.voice_id, safe="")
        return f"{self._ws_url}/v1/text-to-speech/{voice}/stream-input?{urllib.parse.urlencode(written)}"

    async def _send_text(self, ws: aiohttp.ClientWebSocketResponse, text: str) -> None:
        try:
            await ws.send_json({"text": " ", **self._options(in_body=True)})
            await ws.send_json({"text": text.strip() + " ", "flush": True})
            await ws.send_json({"text": ""})
        except ConnectionError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, "the socket closed at once") from error

    async def _received(self, ws: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[Speech, None]:
        words, samples, sent_bytes = WordsFromCharacters(), _WholeSamples(), 0
        while True:
            wait_ms = self._settings.stall_ms if sent_bytes else self._settings.first_audio_timeout_ms
            message = await self._next_message(ws, wait_ms)
            if message is None or message.get("isFinal"):
                break
            pcm = samples.take(base64.b64decode(message.get("audio") or ""))
            spoken = _alignment(message)
            timings = words.take(*spoken, offset_ms=sent_bytes / _BYTES_PER_MS) if spoken else ()
            sent_bytes += len(pcm)
            if pcm or timings:
                yield Speech(pcm, timings)
        if not sent_bytes:
            raise ProviderError(FailureReason.INVALID, self.name, "no audio")
        if last := words.finish():
            yield Speech(b"", last)

    async def _next_message(self, ws: aiohttp.ClientWebSocketResponse, wait_ms: int) -> dict[str, Any] | None:
        """The next message; None where the server has closed the stream as finished."""
        try:
            received = await ws.receive(timeout=wait_ms / 1000)
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, "no more audio") from error
        if received.type is not aiohttp.WSMsgType.TEXT:
            if ws.close_code == 1000:
                return None
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, f"socket closed, code {ws.close_code}")
        try:
            message = json.loads(received.data)
        except ValueError as error:
            raise ProviderError(FailureReason.INVALID, self.name, "a message isn't JSON") from error
        if not isinstance(message, dict):
            raise ProviderError(FailureReason.INVALID, self.name, "a message isn't an object")
        if "error" in message:
            raise _vendor_error(self.name, str(message["error"]))
        return message

    # --- HTTP, through the SDK ---------------------------------------------------------------------------------------

    async def _over_http(self, text: str) -> AsyncGenerator[Speech, None]:
        stream = self._sdk.text_to_speech.stream(
            self._settings.voice_id,
            text=text,
            model_id=self._settings.model,
            output_format=_OUTPUT_FORMAT,
            request_options={
                "additional_query_parameters": self._options(in_body=False),
                "additional_body_parameters": self._options(in_body=True),
            },
        )
        samples, heard = _WholeSamples(), False
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
        return {key: value for key, value in self._settings.options.items() if (key in _IN_BODY) is in_body}


class _WholeSamples:
    """Keeps back half a sample: a chunk may end in the middle of one."""

    def __init__(self) -> None:
        self._half = b""

    def take(self, piece: bytes) -> bytes:
        joined = self._half + piece
        cut = len(joined) // 2 * 2
        self._half = joined[cut:]
        return joined[:cut]


class _NoWebsocketError(Exception):
    """The endpoint doesn't know the websocket."""


def _base_urls(url: str) -> tuple[str, str]:
    """The HTTP and the websocket form of a base URL that may be given as either."""
    bare = url.rstrip("/").removesuffix("/v1")
    scheme, _, rest = bare.partition("://")
    secure = scheme in ("https", "wss")
    return (f"https://{rest}", f"wss://{rest}") if secure else (f"http://{rest}", f"ws://{rest}")


def _alignment(message: Mapping[str, Any]) -> tuple[list[str], list[float], list[float]] | None:
    found = message.get("alignment") or message.get("normalizedAlignment")
    if not found:
        return None
    starts = found.get("charStartTimesMs") or found.get("charsStartTimesMs") or []  # both spellings are met
    durations = found.get("charDurationsMs") or found.get("charsDurationsMs") or []
    return found.get("chars") or [], starts, durations


def _vendor_error(name: str, error: str) -> ProviderError:
    """``error`` is one of the vendor's words for what went wrong, not a text about the request."""
    word = error.lower()
    if "api_key" in word or "unauthor" in word:
        return ProviderError(FailureReason.UNAUTHORISED, name)
    if any(part in word for part in _RATE_WORDS):
        return ProviderError(FailureReason.RATE_LIMITED, name)
    if "internal" in word or "timeout" in word:
        return ProviderError(FailureReason.UNAVAILABLE, name)
    return ProviderError(FailureReason.REFUSED, name)
