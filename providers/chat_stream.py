"""The openai SDK's stream without its empty events.

By the rules of server-sent events one without data is none. The SDK hands it on, and can't read it, where a comment (such as a
keep-alive) comes after an event that had an ``id``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from openai import AsyncStream
from openai._streaming import ServerSentEvent


class ChatStream(AsyncStream[object]):
    async def _iter_events(self) -> AsyncIterator[ServerSentEvent]:
        async for event in super()._iter_events():
            if event.data:
                yield event
