"""Hands conversation keys to processes on other machines, and to guests in other languages: HTTP over a key store.

    GET    /v1/keys/{conversation_id}   {"key_id": …, "secret": base64}, or 404
    PUT    /v1/keys/{conversation_id}   the same; made and synced to disk if there is none
    POST   /v1/keys/fetch               {"conversation_ids": […]} → {"keys": {conversation_id: {…}}}, those that exist
    DELETE /v1/keys/{conversation_id}   204; its private fields can't be read any more
    POST   /v1/keys/destroy             {"conversation_ids": […]} → 204; the same for many, those that exist
    GET    /healthz                     204, without a token

Which keys there are is never told: who asks must know the conversation. Every answer but the last needs a bearer token
(``streams.key_tokens``). 401: no such token; 403: no role of it allows that; 503: the store takes or gives nothing just
now, and trying again is safe. Nothing of a request is logged.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from streams.key_tokens import Grant, Role, roles_of
from streams.keys import DataKey, ForgettingKeyStore, KeyMissingError, KeysUnavailableError

MAX_FETCH = 1000
CONVERSATION_ID = re.compile(r"[A-Za-z0-9._~:-]{1,200}")
_ALLOWED = {
    "get": frozenset({Role.READ, Role.CREATE}),
    "create": frozenset({Role.CREATE}),
    "destroy": frozenset({Role.DESTROY}),
}


class InsecureBindError(ValueError):
    """Keys would cross a network in the clear."""


@asynccontextmanager
async def serving(
    keys: ForgettingKeyStore,
    grants: Sequence[Grant],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serves until the block is left; gives the URL. ``port`` 0: a free one.

    Raises ``InsecureBindError`` for an address that others can reach without ``tls``, ``OSError`` where it is taken.
    """
    if tls is None and not is_loopback(host):
        raise InsecureBindError(f"keys are served to other machines over TLS alone: {host} needs a certificate")
    runner = web.AppRunner(_application(keys, grants), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _application(keys: ForgettingKeyStore, grants: Sequence[Grant]) -> web.Application:
    handlers = _Handlers(keys, grants)
    application = web.Application(middlewares=[_answers_failures])
    application.add_routes(
        [
            web.get("/healthz", handlers.health),
            web.get("/v1/keys/{conversation_id}", handlers.get),
            web.put("/v1/keys/{conversation_id}", handlers.create),
            web.post("/v1/keys/fetch", handlers.fetch),
            web.post("/v1/keys/destroy", handlers.destroy_many),
            web.delete("/v1/keys/{conversation_id}", handlers.destroy),
        ]
    )
    return application


class _Handlers:
    """The store is asked inside the loop: what it costs is a read, and for a new key one sync of the disk."""

    def __init__(self, keys: ForgettingKeyStore, grants: Sequence[Grant]) -> None:
        self._keys, self._grants = keys, grants

    async def health(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def get(self, request: web.Request) -> web.Response:
        self._authorise(request, "get")
        key = self._keys.get(_conversation_id(request))
        if key is None:
            raise web.HTTPNotFound(text=_error("no_such_key"), content_type="application/json")
        return _answer(_shown(key))

    async def create(self, request: web.Request) -> web.Response:
        self._authorise(request, "create")
        return _answer(_shown(self._keys.create(_conversation_id(request))))

    async def fetch(self, request: web.Request) -> web.Response:
        self._authorise(request, "get")
        wanted = await _conversation_ids(request)
        found = {conversation_id: self._keys.get(conversation_id) for conversation_id in wanted}
        return _answer({"keys": {conversation_id: _shown(key) for conversation_id, key in found.items() if key}})

    async def destroy(self, request: web.Request) -> web.Response:
        self._authorise(request, "destroy")
        return self._destroyed([_conversation_id(request)])

    async def destroy_many(self, request: web.Request) -> web.Response:
        self._authorise(request, "destroy")
        return self._destroyed(await _conversation_ids(request))

    def _destroyed(self, conversation_ids: Sequence[str]) -> web.Response:
        for conversation_id in conversation_ids:
            self._keys.destroy(conversation_id)
        self._keys.leave_no_trace()  # though none of them was left: a former request may have been broken off
        return web.Response(status=204)

    def _authorise(self, request: web.Request, action: str) -> None:
        roles = roles_of(self._grants, request.headers.get("Authorization", ""))
        if not roles:
            headers = {"WWW-Authenticate": "Bearer"}
            raise web.HTTPUnauthorized(text=_error("no_such_token"), content_type="application/json", headers=headers)
        if not roles & _ALLOWED[action]:
            raise web.HTTPForbidden(text=_error("role_not_allowed"), content_type="application/json")


@web.middleware
async def _answers_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except KeysUnavailableError:
        return web.json_response({"error": "unavailable"}, status=503)
    except KeyMissingError:
        return web.json_response({"error": "other_master_key"}, status=503)


def _conversation_id(request: web.Request) -> str:
    conversation_id = request.match_info["conversation_id"]
    if not _is_id(conversation_id):
        raise _bad_request()
    return conversation_id


async def _conversation_ids(request: web.Request) -> list[str]:
    try:
        wanted = (await request.json())["conversation_ids"]
    except (ValueError, KeyError, TypeError):
        raise _bad_request() from None
    if not isinstance(wanted, list) or len(wanted) > MAX_FETCH or not all(map(_is_id, wanted)):
        raise _bad_request()
    return wanted


def _is_id(value: object) -> bool:
    return isinstance(value, str) and CONVERSATION_ID.fullmatch(value) is not None


def _shown(key: DataKey) -> dict[str, str]:
    return {"key_id": key.key_id, "secret": base64.b64encode(key.secret).decode()}


def _answer(body: Mapping[str, object]) -> web.Response:
    return web.json_response(body, headers={"Cache-Control": "no-store"})


def _bad_request() -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=_error("bad_request"), content_type="application/json")


def _error(reason: str) -> str:
    return json.dumps({"error": reason})
