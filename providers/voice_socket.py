"""One websocket of a vendor's voice, shared by a few contexts: what arrives goes to whoever listens to its context."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp

from agent_core.ports import FailureReason, ProviderError
from providers.voice_contexts import ContextId, VoiceContexts
from providers.voice_dialect import UNREADABLE, Done, Failed, FromVendor, Message, Piece, VoiceDialect


class VoiceSocket:
    """Needs a running loop; reads and writes by itself until it is closed by either side."""

    def __init__(self, dialect: VoiceDialect, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._dialect, self._ws = dialect, ws
        self._contexts = VoiceContexts(dialect.rules)
        self._listeners: dict[ContextId, asyncio.Queue[FromVendor]] = {}
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self._lost: ProviderError | None = None
        self._begun = 0
        loop = asyncio.get_running_loop()
        self._reader, self._writer = loop.create_task(self._read()), loop.create_task(self._write())

    @property
    def name(self) -> str:
        return self._dialect.name

    @property
    def alive(self) -> bool:
        return self._lost is None and not self._ws.closed

    def has_room(self) -> bool:
        return self.alive and self._contexts.has_room(_now_ms())

    def begin(self) -> OpenContext:
        """A context of its own id. Raises ``NoRoomError``."""
        context_id = ContextId(uuid.uuid4().hex)
        self._contexts.begin(context_id, _now_ms())
        self._listeners[context_id] = asyncio.Queue()
        warm, self._begun = self._begun > 0, self._begun + 1
        return OpenContext(self, context_id, self._listeners[context_id], warm=warm)

    async def close(self) -> None:
        self._reader.cancel()
        self._writer.cancel()
        await asyncio.gather(self._reader, self._writer, return_exceptions=True)
        self._lose(ProviderError(FailureReason.CANCELLED, self._dialect.name, "closed"))
        await self._ws.close()

    # --- for its contexts ---

    def say(self, context_id: ContextId, text: str, *, first: bool, last: bool) -> None:
        if last:
            self._contexts.finish(context_id)
        self._send(self._dialect.text(context_id, text, first=first, last=last))

    def takes_text(self, context_id: ContextId) -> bool:
        return self.alive and self._contexts.takes_text(context_id, _now_ms())

    def leave(self, context_id: ContextId, *, finished: bool) -> None:
        """Nobody listens any more: the vendor is told at once, and what still comes is dropped."""
        self._listeners.pop(context_id, None)
        if self._contexts.close(context_id, _now_ms()) and self.alive:
            self._send(self._dialect.close(context_id, finished=finished))

    # --- the wire ---

    def _send(self, messages: list[Message]) -> None:
        for message in messages:
            self._outgoing.put_nowait(message)

    async def _write(self) -> None:
        while True:
            message = await self._outgoing.get()
            try:
                await self._ws.send_str(json.dumps(message))
            except (ConnectionError, aiohttp.ClientError):
                return  # the reader sees the end too, and tells the listeners

    async def _read(self) -> None:
        async for message in self._ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            try:
                arrived = self._dialect.read(_object(message.data))
            except UNREADABLE:
                error = ProviderError(FailureReason.INVALID, self._dialect.name, "a message can't be read")
                arrived = Failed(None, error)
            if arrived is not None:
                self._deliver(arrived)
            if self._lost is not None:
                await self._ws.close()
                return
        self._lose(_closed(self._dialect.name, self._ws.close_code))

    def _deliver(self, arrived: FromVendor) -> None:
        if isinstance(arrived, Piece):
            if self._contexts.audio(arrived.context_id, _now_ms()):  # else it is stale, and nobody is left to hear it
                self._listeners[arrived.context_id].put_nowait(arrived)
        elif arrived.context_id is None:
            self._lose(arrived.error)
        else:
            self._contexts.done(arrived.context_id)
            if listener := self._listeners.get(arrived.context_id):
                listener.put_nowait(arrived)

    def _lose(self, error: ProviderError) -> None:
        """The socket is of no more use: everybody who listens is told."""
        if self._lost is None:
            self._lost = error
            self._writer.cancel()
            for context_id, listener in self._listeners.items():
                listener.put_nowait(Failed(context_id, error))


class OpenContext:
    """One context, for whoever renders with it. ``warm``: its socket had served before, so it may have died unseen."""

    def __init__(
        self, socket: VoiceSocket, context_id: ContextId, arrived: asyncio.Queue[FromVendor], *, warm: bool
    ) -> None:
        self.id, self.warm = context_id, warm
        self._socket, self._arrived = socket, arrived
        self._said = 0
        self._finished = False

    def takes_text(self) -> bool:
        return not self._finished and self._socket.takes_text(self.id)

    def say(self, text: str, *, last: bool) -> None:
        """Ask ``takes_text`` before every text but the first."""
        self._socket.say(self.id, text, first=self._said == 0, last=last)
        self._said += 1
        self._finished = last

    def at_hand(self) -> bool:
        """Whether ``next`` returns without waiting."""
        return not self._arrived.empty()

    async def next(self, wait_ms: float) -> Piece | None:
        """None: all has come. Raises ``ProviderError``: ``wait_ms`` were too short, or the vendor or socket failed."""
        try:
            async with asyncio.timeout(wait_ms / 1000):
                arrived = await self._arrived.get()
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self._socket.name, "no more audio") from None
        if isinstance(arrived, Failed):
            raise arrived.error
        return None if isinstance(arrived, Done) else arrived

    def close(self) -> None:
        """At once, and without waiting; nothing happens to one that is over."""
        self._socket.leave(self.id, finished=self._finished)


def _object(text: str) -> dict[str, Any]:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise TypeError("a message isn't an object")
    return body


def _closed(name: str, code: int | None) -> ProviderError:
    return ProviderError(FailureReason.UNAVAILABLE, name, f"socket closed, code {code}")


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000
