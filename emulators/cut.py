"""Connections that end with no goodbye: a fault cut them, or the client hung up in mid-answer."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler


class CutByFault(ConnectionResetError):  # noqa: N818 - an outcome that was asked for
    """The connection was aborted because a fault said so."""


def cut_connection(request: web.Request) -> NoReturn:
    """Abort the transport: no close frame, no last chunk. Raises CutByFault."""
    if request.transport is not None:
        request.transport.abort()
    raise CutByFault("cut by a fault")


@web.middleware
async def lost_connections_are_no_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Without this each lost connection is logged as a crash of its handler."""
    try:
        return await handler(request)
    except ConnectionResetError:
        return web.Response(status=499)  # nobody reads it
