"""ElevenLabs over websockets: ``stream-input`` (one text) and ``multi-stream-input`` (several contexts at once).

Wire format: ElevenLabs' websocket reference, and what its SDK and LiveKit's plugin send and read. Both spellings of the
context's id (``contextId``, ``context_id``) are taken. The two differ in what an empty text means: the end of the
stream on the first, a sign of life on the second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from emulators.draws import LABEL_HEADER, draw_for
from emulators.faults import Service, Struck
from emulators.generation import DEFAULT_SCHEDULE, Context
from emulators.speaking import AudioDropped, Synthesise, Voice
from emulators.state import EmulatorState, Refusal, Served
from emulators.voice import OutputFormat, output_format

Take = Callable[[Mapping[str, Any]], Awaitable[bool]]

_POLICY = 1008
_DEFAULT_FORMAT = "mp3_44100_128"
_DEFAULT_IDLE_S = 20.0
_LONGEST_IDLE_S = 180.0
_DEFAULT_CONTEXT = "default"


class Rejected(Exception):  # noqa: N818 - the vendor's word to the client, not a crash
    """The socket is closed with an error message first."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(error)
        self.error, self.message = error, message


class SpeechOverSockets:
    def __init__(self, state: EmulatorState, synthesise: Synthesise | None) -> None:
        self._state = state
        self._synthesise = synthesise

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/text-to-speech/{voice}/stream-input", self.single),
            web.get("/v1/text-to-speech/{voice}/multi-stream-input", self.multi),
        ]

    async def single(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused_key(request):
            return refused
        draw = draw_for(self._state.config.seed, request.headers, fallback=request.path_qs, kind="speech")
        admitted = self._state.admit(Service.TTS, draw, request.match_info["voice"])
        if isinstance(admitted, Refusal):
            return web.json_response({"detail": {}}, status=admitted.status, headers=admitted.headers())
        with self._state.serving(Service.TTS) as served:
            socket = _Socket(request, self._state, self._synthesise, served)
            return await socket.serve(lambda message: socket.take_single(message, admitted.struck))

    async def multi(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused_key(request):
            return refused
        self._state.stats[Service.TTS].sockets += 1
        socket = _Socket(request, self._state, self._synthesise, None)
        return await socket.serve(socket.take_multi)

    def _refused_key(self, request: web.Request) -> web.Response | None:
        key = request.headers.get("xi-api-key")
        if key is None or self._state.accepts(key):  # with no header the first message brings the key
            return None
        self._state.refused(Service.TTS, 401)
        return web.json_response({"detail": {"status": "invalid_api_key"}}, status=401)


class _Socket:
    """One connection: its contexts, each generating in a task of its own.

    ``served``: what is counted where the connection is one request; None: each context is.
    """

    def __init__(
        self, request: web.Request, state: EmulatorState, synthesise: Synthesise | None, served: Served | None
    ) -> None:
        self._served = served
        self._request = request
        self._state = state
        self._synthesise = synthesise
        self._ws = web.WebSocketResponse()
        self._known = request.headers.get("xi-api-key") is not None
        self._contexts: dict[str | None, Context] = {}
        self._tasks: dict[str | None, asyncio.Task[None]] = {}

    async def serve(self, take: Take) -> web.WebSocketResponse:
        """Read messages until the client, an error or a fault ends it. ``take`` is told each; False ends it well."""
        await self._ws.prepare(self._request)
        try:
            form = output_format(self._request.query.get("output_format", _DEFAULT_FORMAT))
            self._form: OutputFormat = form
            await self._read(take)
        except Rejected as rejected:
            await self._reject(rejected)
        except ValueError as error:
            await self._reject(Rejected("invalid_message", str(error)))
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        return self._ws

    async def _read(self, take: Take) -> None:
        idle_s = min(float(self._request.query.get("inactivity_timeout", _DEFAULT_IDLE_S)), _LONGEST_IDLE_S)
        while True:
            try:
                message = await self._ws.receive(timeout=idle_s)
            except TimeoutError:
                raise Rejected("input_timeout_exceeded", "No input for too long.") from None
            if message.type is not WSMsgType.TEXT:
                return
            body = json.loads(message.data)
            if not isinstance(body, dict):
                raise ValueError("a message must be a JSON object")
            self._check_key(body)
            if not await take(body):
                await self._ws.close(code=1000)
                return

    async def take_single(self, body: Mapping[str, Any], struck: Struck) -> bool:
        text = _text(body)
        context = self._contexts.get(None)
        if context is None:
            context = self._open(None, body, struck)
        if text == "":
            context.finish(generate_rest=True)
            await asyncio.wait([self._tasks[None]])
            return False
        context.add(text, at_once=self._at_once(body))
        return True

    async def take_multi(self, body: Mapping[str, Any]) -> bool:
        if body.get("close_socket"):
            for context in self._contexts.values():
                context.finish(generate_rest=True)
            if self._tasks:
                await asyncio.wait(self._tasks.values())
            return False
        context_id = str(body.get("context_id") or body.get("contextId") or _DEFAULT_CONTEXT)
        if body.get("close_context"):
            if context_id in self._contexts:
                self._contexts[context_id].finish(generate_rest=False)
            return True
        context = self._contexts.get(context_id) or self._admit(context_id, body)
        context.add(_text(body), at_once=self._at_once(body))
        return True

    def _admit(self, context_id: str, body: Mapping[str, Any]) -> Context:
        """Open a context. Those that still finish count: closing lags behind, as it does at the vendor."""
        if len(self._contexts) >= self._state.config.tts.contexts_per_socket:
            raise Rejected("max_active_conversations", "Maximum simultaneous contexts exceeded.")
        fallback = f"{self._request.path} {_text(body)}"
        draw = draw_for(self._state.config.seed, self._request.headers, fallback=fallback, kind="speech")
        admitted = self._state.admit(Service.TTS, draw, self._request.match_info["voice"])
        if isinstance(admitted, Refusal):
            raise Rejected("rate_limit_exceeded" if admitted.status == 429 else "internal_error", "Turned away.")
        return self._open(context_id, body, admitted.struck)

    def _open(self, context_id: str | None, body: Mapping[str, Any], struck: Struck) -> Context:
        named = LABEL_HEADER in self._request.headers
        draw = draw_for(self._state.config.seed, self._request.headers, fallback="", kind="speech") if named else None
        schedule = (body.get("generation_config") or {}).get("chunk_length_schedule") or DEFAULT_SCHEDULE
        voice = Voice(self._state, struck, self._form, self._synthesise, draw)
        context = Context(context_id, voice, self._ws.send_json, schedule)
        self._contexts[context_id] = context
        self._tasks[context_id] = asyncio.create_task(self._run(context_id, context))
        return context

    async def _run(self, context_id: str | None, context: Context) -> None:
        if self._served is not None:
            return await self._speak(context, self._served)
        with self._state.serving(Service.TTS) as served:
            try:
                return await self._speak(context, served)
            finally:
                del self._contexts[context_id], self._tasks[context_id]

    async def _speak(self, context: Context, served: Served) -> None:
        try:
            await context.run()
        except AudioDropped as drop:
            await self._drop(drop.close_code, served)
        except ConnectionError:
            served.cut_off = True  # the client is gone: the reader sees it too and ends the socket

    async def _drop(self, close_code: int | None, served: Served) -> None:
        served.cut_off = True
        if close_code is not None:
            await self._ws.close(code=close_code)
        elif self._request.transport is not None:
            self._request.transport.abort()

    async def _reject(self, rejected: Rejected) -> None:
        self._state.refused(Service.TTS, _POLICY)
        await self._ws.send_json({"message": rejected.message, "error": rejected.error, "code": _POLICY})
        await self._ws.close(code=_POLICY, message=rejected.error.encode())

    def _check_key(self, body: Mapping[str, Any]) -> None:
        if self._known:
            return
        bearer = str(body.get("authorization") or "").removeprefix("Bearer ")
        if not self._state.accepts(body.get("xi-api-key") or body.get("xi_api_key") or bearer):
            raise Rejected("invalid_api_key", "Invalid API key.")
        self._known = True

    def _at_once(self, body: Mapping[str, Any]) -> bool:
        auto = self._request.query.get("auto_mode", "").lower() == "true"
        return bool(auto or body.get("flush") or body.get("try_trigger_generation"))


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("text") or ""
    if not isinstance(text, str):
        raise ValueError("text must be a string")
    return text
