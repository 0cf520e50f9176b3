"""Cartesia over its websocket: many contexts on one connection, each generating in a task of its own.

What goes wrong with one context is told by an error event that names it, and the socket stays. The account's plan
limits contexts (429 as an event) and, ten times as many, sockets (429 at the handshake).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from http import HTTPStatus
from typing import Any

from aiohttp import WSMsgType, web

from emulators.cartesia_context import CartesiaContext
from emulators.cartesia_requests import BadRequest, Cancel, Generation, read_request
from emulators.draws import LABEL_HEADER, draw_for
from emulators.faults import Service
from emulators.speaking import AudioDropped, Synthesise, Voice
from emulators.state import EmulatorState, Refusal, Served

_SOCKETS_PER_CONTEXT = 10
_TOO_MANY = "concurrency_limited"
_IDLE = b"connection idle timeout"


class CartesiaSpeech:
    def __init__(self, state: EmulatorState, synthesise: Synthesise | None) -> None:
        self._state = state
        self._synthesise = synthesise
        self._sockets = 0
        self._account = _Account(state)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/tts/websocket", self.speak)]

    async def speak(self, request: web.Request) -> web.StreamResponse:
        if not self._state.accepts(_key(request)):
            return self._refused(401, "unauthorized", "Invalid API key")
        if not (request.headers.get("cartesia-version") or request.query.get("cartesia_version")):
            return self._refused(400, None, "A Cartesia-Version is required")
        plan = self._state.config.tts.concurrent_contexts
        if plan is not None and self._sockets >= plan * _SOCKETS_PER_CONTEXT:
            return self._refused(429, _TOO_MANY, "Too many connections")
        self._sockets += 1
        self._state.stats[Service.TTS].sockets += 1
        try:
            return await _Socket(request, self._state, self._synthesise, self._account).serve()
        finally:
            self._sockets -= 1

    def _refused(self, status: int, code: str | None, title: str) -> web.Response:
        self._state.refused(Service.TTS, status)
        body = {"error_code": code, "title": title, "message": f"{title}.", "request_id": str(uuid.uuid4())}
        return web.json_response(body, status=status)


class _Account:
    """The contexts of all sockets: the plan counts them together, those that were cancelled and still speak too."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state
        self.active = 0

    @property
    def full(self) -> bool:
        plan = self._state.config.tts.concurrent_contexts
        return plan is not None and self.active >= plan


class _Socket:
    def __init__(
        self, request: web.Request, state: EmulatorState, synthesise: Synthesise | None, account: _Account
    ) -> None:
        self._request = request
        self._state = state
        self._synthesise = synthesise
        self._account = account
        self._ws = web.WebSocketResponse()
        self._contexts: dict[str, CartesiaContext] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over: set[str] = set()  # ids that were used: none of them takes text again

    async def serve(self) -> web.WebSocketResponse:
        await self._ws.prepare(self._request)
        try:
            await self._read()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        return self._ws

    async def _read(self) -> None:
        while True:
            try:
                message = await self._ws.receive(timeout=self._state.config.tts.idle_s)
            except TimeoutError:
                if not self._contexts:
                    await self._ws.close(code=1000, message=_IDLE)
                    return
                continue
            if message.type is not WSMsgType.TEXT:
                return
            await self._take(message.data)

    async def _take(self, data: str) -> None:
        context_id = None
        try:
            body = json.loads(data)
            context_id = body.get("context_id") if isinstance(body, dict) else None
            request = read_request(body)
            if isinstance(request, Cancel):
                self._cancel(request.context_id)
            else:
                self._generate(request)
        except json.JSONDecodeError:
            await self._tell_error(BadRequest("a message must be JSON"), None)
        except BadRequest as bad:
            self._state.refused(Service.TTS, bad.status)
            await self._tell_error(bad, context_id)

    def _cancel(self, context_id: str) -> None:
        if context_id in self._contexts:
            self._contexts[context_id].cancel()

    def _generate(self, request: Generation) -> None:
        """Raises BadRequest: for a context that is over, one more than the plan allows, or by a fault."""
        if request.context_id in self._over:
            raise BadRequest("the context has expired or was closed")
        context = self._contexts.get(request.context_id)
        if context is None:
            context = self._open(request)
        context.add(request)

    def _open(self, request: Generation) -> CartesiaContext:
        if self._account.full:
            raise BadRequest("the plan allows no more contexts at once", status=429, code=_TOO_MANY)
        fallback = f"{self._request.path} {request.transcript}"
        draw = draw_for(self._state.config.seed, self._request.headers, fallback=fallback, kind="speech")
        admitted = self._state.admit(Service.TTS, draw, request.voice_id)
        if isinstance(admitted, Refusal):
            code = _TOO_MANY if admitted.status == 429 else None
            raise BadRequest("the request was turned away", status=admitted.status, code=code)
        named = draw if LABEL_HEADER in self._request.headers else None
        voice = Voice(self._state, admitted.struck, request.form, self._synthesise, named)
        context = CartesiaContext(request, voice, self._ws.send_json, self._state.config.tts.context_expires_ms / 1000)
        self._contexts[request.context_id] = context
        self._tasks[request.context_id] = asyncio.create_task(self._run(request.context_id, context))
        return context

    async def _run(self, context_id: str, context: CartesiaContext) -> None:
        with self._state.serving(Service.TTS) as served:
            self._account.active += 1
            try:
                await context.run()
            except AudioDropped as drop:
                await self._drop(drop.close_code, served)
            except ConnectionError:
                served.cut_off = True  # the client is gone: the reader sees it too and ends the socket
            finally:
                self._account.active -= 1
                self._over.add(context_id)
                del self._contexts[context_id], self._tasks[context_id]

    async def _drop(self, close_code: int | None, served: Served) -> None:
        served.cut_off = True
        if close_code is not None:
            await self._ws.close(code=close_code)
        elif self._request.transport is not None:
            self._request.transport.abort()

    async def _tell_error(self, bad: BadRequest, context_id: Any) -> None:
        named = {"context_id": context_id} if isinstance(context_id, str) else {}
        told = {
            "type": "error",
            "done": True,
            "status_code": bad.status,
            "error_code": bad.code,
            "title": HTTPStatus(bad.status).phrase,
            "message": bad.message,
            "request_id": str(uuid.uuid4()),
        }
        await self._ws.send_json({**told, **named})


def _key(request: web.Request) -> str | None:
    """From any place that the vendor takes it from: a bearer token, the older header, or the query of a browser."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    query = request.query.get("api_key") or request.query.get("access_token")
    return bearer or request.headers.get("x-api-key") or query
