"""A model that knows what it was asked and how many calls are under way."""

from __future__ import annotations

import asyncio

from agent_core.ports import CompletionRequest, CompletionResult, LanguageModel


class WatchedModel:
    """``asked``: a list that every request is put into, while it is one."""

    def __init__(self, model: LanguageModel) -> None:
        self._model, self.name = model, model.name
        self.asked: list[CompletionRequest] | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        if self.asked is not None:
            self.asked.append(request)
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._model.complete(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def idle(self) -> None:
        """Returns when no call is under way: losers were cancelled, or ran to their end."""
        await self._idle.wait()

    async def close(self) -> None:
        await self._model.close()
