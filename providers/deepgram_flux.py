"""Deepgram Flux through the deepgram SDK: recognition that decides when the caller's turn is over.

Audio goes out in chunks of 80 ms, as Deepgram recommends. Flux lives in audio time: a turn whose audio stops never ends,
so a gap in the pushed audio is filled with silence, which is taken out again of every position that is reported.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

from agent_core.ports import SAMPLE_RATE_HZ, FailureReason, ProviderError, RecogniserEvent, RecogniserFailed
from providers.audio_timeline import AudioTimeline
from providers.flux_turns import FluxTurns
from providers.http_failures import status_error

_CHUNK_MS = 80
_BYTES_PER_MS = SAMPLE_RATE_HZ * 2 // 1000
_CHUNK_BYTES = _CHUNK_MS * _BYTES_PER_MS
_BACKLOG_CHUNKS = 10_000 // _CHUNK_MS  # audio that waits for the socket before ``push`` waits too
_STUCK_AFTER_TIMEOUT_MS = 1500
_CLOSE_S = 0.5
_PRODUCTION = "wss://api.deepgram.com"


@dataclass(frozen=True, slots=True)
class FluxSettings:
    api_key: str = field(repr=False)
    model: str = "flux-general-en"
    url: str | None = None  # http or ws, without /v2/listen; None: Deepgram
    eager_eot_threshold: float = 0.4  # Flux sends no eager ends unless told
    eot_threshold: float = 0.7
    eot_timeout_ms: int = 5000
    options: Mapping[str, object] = field(default_factory=dict)  # passed through to the query; they win
    connect_timeout_ms: int = 4000
    idle_fill_ms: int = 300  # gap in the pushed audio after which silence is sent
    stall_ms: int = 1500  # Flux speaks every 0.25 s of audio; so long without a word, it is gone


class DeepgramFlux:
    """A ``SpeechRecogniser``. Raises ProviderError MISSING from the constructor where the package isn't there."""

    def __init__(self, settings: FluxSettings, *, name: str = "deepgram-flux") -> None:
        try:
            from deepgram import AsyncDeepgramClient
            from deepgram.environment import DeepgramClientEnvironment
        except ImportError as error:
            raise ProviderError(FailureReason.MISSING, name, "the deepgram-sdk package isn't installed") from error
        self.name = name
        self._settings = settings
        ws_url = _ws_url(settings.url or _PRODUCTION)
        http_url = ws_url.replace("ws", "http", 1)
        environment = DeepgramClientEnvironment(base=http_url, production=ws_url, agent=ws_url, agent_rest=http_url)
        self._client = AsyncDeepgramClient(api_key=settings.api_key, environment=environment)
        self._sessions: set[FluxSession] = set()

    async def open(self) -> FluxSession:
        """Connect, and wait until Flux says that it is there. Raises ProviderError."""
        from deepgram.core.api_error import ApiError

        connecting: AbstractAsyncContextManager[Any] = self._client.listen.v2.connect(
            model=self._settings.model, request_options={"additional_query_parameters": self._query()}
        )
        try:
            async with asyncio.timeout(self._settings.connect_timeout_ms / 1000):
                socket = await connecting.__aenter__()
        except ApiError as error:
            # Its headers are those of the request, the key among them; the response's are in what caused it.
            headers = getattr(error.__context__, "headers", None) or {}
            raise status_error(self.name, error.status_code or 500, headers) from None
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, "no connection") from error
        except _socket_errors() as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, type(error).__name__) from error
        session = FluxSession(self.name, self._settings, connecting, socket, self._sessions.discard)
        try:
            await session.begin()
        except BaseException:
            await session.close()
            raise
        self._sessions.add(session)
        return session

    async def close(self) -> None:
        """Close every session that is still open."""
        for session in tuple(self._sessions):
            await session.close()

    def _query(self) -> dict[str, Any]:
        query: dict[str, Any] = {
            "encoding": "linear16",
            "sample_rate": SAMPLE_RATE_HZ,
            "eager_eot_threshold": self._settings.eager_eot_threshold,
            "eot_threshold": self._settings.eot_threshold,
            "eot_timeout_ms": self._settings.eot_timeout_ms,
        }
        return {key: _written(value) for key, value in {**query, **self._settings.options}.items()}


class FluxSession:
    """A ``RecogniserSession``: one call's socket, with a task that sends and one that listens."""

    def __init__(
        self,
        name: str,
        settings: FluxSettings,
        connection: AbstractAsyncContextManager[Any],
        socket: Any,
        on_close: Callable[[FluxSession], None],
    ) -> None:
        self._name, self._settings, self._connection, self._socket = name, settings, connection, socket
        self._on_close = on_close
        self._timeline = AudioTimeline()
        timeout_ms = float(str(settings.options.get("eot_timeout_ms", settings.eot_timeout_ms)))
        self._turns = FluxTurns(name, self._timeline.pushed_ms, stuck_ms=timeout_ms + _STUCK_AFTER_TIMEOUT_MS)
        self._partial = bytearray()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(_BACKLOG_CHUNKS)
        self._events: asyncio.Queue[RecogniserEvent | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False
        self._closed = False
        websocket = self._socket._websocket
        # The SDK leaves the closing handshake at 10 s: a stalled peer would hold the call for that long.
        websocket.close_timeout = _CLOSE_S
        websocket.extensions = [_ReadsAlone(extension) for extension in getattr(websocket, "extensions", ())]

    async def begin(self) -> None:
        """Wait for ``Connected``, then start. Raises ProviderError."""
        try:
            async with asyncio.timeout(self._settings.connect_timeout_ms / 1000):
                first = _as_dict(await self._socket.recv())
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self._name, "never said Connected") from error
        except _socket_errors() as error:
            raise self._gone(error) from error
        for event in self._turns.take(first):
            if isinstance(event, RecogniserFailed):
                raise event.error
            self._events.put_nowait(event)
        self._tasks = [asyncio.create_task(self._send_audio()), asyncio.create_task(self._listen())]

    async def push(self, pcm: bytes) -> None:
        """Waits only where the socket is 10 s behind. After the session is over it does nothing: ``events`` said so."""
        self._partial += pcm
        while len(self._partial) >= _CHUNK_BYTES and not self._over:
            chunk = bytes(self._partial[:_CHUNK_BYTES])
            del self._partial[:_CHUNK_BYTES]
            await self._chunks.put(chunk)
        if self._over:
            self._partial.clear()

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._finish()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(*_socket_errors()):  # whatever is left of the socket, it is being left
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.send_close_stream()
        with suppress(*_socket_errors()):
            await self._connection.__aexit__(None, None, None)
        self._on_close(self)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome  # a mistake of ours: what the socket may raise became an event

    async def _send_audio(self) -> None:
        idle_s = self._settings.idle_fill_ms / 1000
        wait_s = idle_s
        try:
            while True:
                chunk = await self._next_chunk(wait_s)
                if chunk is None:
                    await self._fill(round(wait_s * 1000))
                    wait_s = _CHUNK_MS / 1000
                else:
                    await self._send(chunk)
                    wait_s = idle_s
        except _socket_errors() as error:
            self._fail(self._gone(error))
        finally:
            self._finish()

    async def _next_chunk(self, wait_s: float) -> bytes | None:
        try:
            async with asyncio.timeout(wait_s):
                return await self._chunks.get()
        except TimeoutError:
            return None

    async def _send(self, pcm: bytes) -> None:
        self._timeline.pushed(len(pcm) / _BYTES_PER_MS)
        await self._socket.send_media(pcm)

    async def _fill(self, gap_ms: int) -> None:
        """Make up for a gap: first what was pushed of an unfinished chunk, then silence."""
        if self._partial:
            rest = bytes(self._partial)
            self._partial.clear()
            await self._send(rest)
        for _ in range(max(1, gap_ms // _CHUNK_MS)):
            self._timeline.filled(_CHUNK_MS)
            await self._socket.send_media(bytes(_CHUNK_BYTES))

    async def _listen(self) -> None:
        # The SDK would make a model of each message, class by class till one fits, for a dict to be made of it again: 1 ms.
        messages = aiter(self._socket._websocket)
        try:
            while True:
                async with asyncio.timeout(self._settings.stall_ms / 1000):
                    message = await anext(messages)
                for event in self._turns.take(_told(message)):
                    if isinstance(event, RecogniserFailed):
                        self._fail(event.error)
                        return
                    self._events.put_nowait(event)
        except TimeoutError:
            self._fail(ProviderError(FailureReason.TIMED_OUT, self._name, "fell silent"))
        except StopAsyncIteration:
            self._fail(ProviderError(FailureReason.UNAVAILABLE, self._name, "the socket was closed"))
        except _socket_errors() as error:
            self._fail(self._gone(error))
        finally:
            self._finish()

    def _fail(self, error: ProviderError) -> None:
        if not self._over:
            self._events.put_nowait(RecogniserFailed(error))
            self._finish()

    def _finish(self) -> None:
        if not self._over:
            self._over = True
            self._events.put_nowait(None)
            while not self._chunks.empty():  # lets a waiting ``push`` go
                self._chunks.get_nowait()

    def _gone(self, error: BaseException) -> ProviderError:
        received = getattr(error, "rcvd", None)
        code = f", code {received.code}" if received is not None else ""
        return ProviderError(FailureReason.UNAVAILABLE, self._name, f"{type(error).__name__}{code}")


class _ReadsAlone:
    """An extension of a websocket for what comes in alone. The SDK agrees on deflating every message; sound hardly gets smaller
    by it, and each chunk costs 0.1 ms. A message may go as it is all the same (RFC 7692, section 6)."""

    def __init__(self, extension: Any) -> None:
        self.name = extension.name
        self.decode = extension.decode

    def encode(self, frame: Any) -> Any:
        return frame


def _socket_errors() -> tuple[type[Exception], ...]:
    """What a socket that is gone raises."""
    from websockets.exceptions import WebSocketException

    return (WebSocketException, OSError)


def _as_dict(message: Any) -> Mapping[str, Any]:
    """The SDK hands out plain dicts or models, by its version."""
    if isinstance(message, Mapping):
        return message
    as_dict = getattr(message, "dict", None)
    found = as_dict() if callable(as_dict) else {}
    return found if isinstance(found, Mapping) else {}


def _told(message: str | bytes) -> Mapping[str, Any]:
    """What isn't a JSON object tells nothing, as with the SDK."""
    try:
        found = json.loads(message)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _ws_url(url: str) -> str:
    bare = url.rstrip("/").removesuffix("/listen").removesuffix("/v2")
    return "ws" + bare.removeprefix("http") if bare.startswith("http") else bare


def _written(value: object) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return [_written(item) for item in value] if isinstance(value, list | tuple) else value
