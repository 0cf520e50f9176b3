"""The open sockets to a vendor's voice: kept warm between sentences, and shared where there is room.

A sentence that had to connect first would wait for a TCP and a TLS handshake. A socket takes ``OPEN_AT_ONCE`` contexts,
so at most as many calls are hurt when it dies.
"""

from __future__ import annotations

import asyncio

import aiohttp

from agent_core.ports import FailureReason, ProviderError
from providers.http_failures import retry_after_s, status_reason
from providers.voice_dialect import VoiceDialect
from providers.voice_socket import OpenContext, VoiceSocket

_CLOSE_WITHIN_S = 0.5
_HEARTBEAT_S = 15.0  # a connection that died without a word is found out between two replies, not by one


class HandshakeRefusedError(ProviderError):
    """The server answered the websocket's handshake with an HTTP ``status``."""

    def __init__(self, provider: str, error: aiohttp.WSServerHandshakeError) -> None:
        wait_s = retry_after_s(error.headers or {})
        super().__init__(status_reason(error.status), provider, f"HTTP {error.status}", retry_after_s=wait_s)
        self.status = error.status


class VoiceSockets:
    """Opens a socket where none has room. Those that the vendor closed are forgotten."""

    def __init__(self, dialect: VoiceDialect, *, connect_timeout_ms: int) -> None:
        self._dialect = dialect
        self._connect_timeout_ms = connect_timeout_ms
        self._sockets: list[VoiceSocket] = []
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        return self._dialect.name

    async def begin(self) -> OpenContext:
        """A new context, on a warm socket where there is one. Raises ``ProviderError``."""
        self._sockets = [socket for socket in self._sockets if socket.alive]
        for socket in self._sockets:
            if socket.has_room():
                return socket.begin()
        socket = VoiceSocket(self._dialect, await self._connect())
        self._sockets.append(socket)
        return socket.begin()

    async def close(self) -> None:
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket.close()
        if self._session is not None:
            await self._session.close()

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        connecting = self._session.ws_connect(
            self._dialect.address(),
            headers=self._dialect.headers(),
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_WITHIN_S),
            heartbeat=_HEARTBEAT_S,
            max_msg_size=0,
        )
        try:
            async with asyncio.timeout(self._connect_timeout_ms / 1000):
                return await connecting
        except aiohttp.WSServerHandshakeError as error:
            raise HandshakeRefusedError(self.name, error) from None
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, "no connection") from None
        except aiohttp.ClientError as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, type(error).__name__) from None
