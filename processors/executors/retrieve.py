"""Executor: which passages of the pinned knowledge bear on the question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Conversation
from agent_core.found import write_passages
from agent_core.ports import Passage
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact


class Searcher(Protocol):
    def search(self, query: str) -> list[Passage]: ...


class Retrieve:
    def __init__(self, searcher_of: Callable[[Behaviour], Awaitable[Searcher]]) -> None:
        """``searcher_of``: the one over a behaviour's articles, which may have to be embedded first."""
        self._searcher_of = searcher_of

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        assert isinstance(ask.payload, d.PassagesAsked)
        loop = asyncio.get_running_loop()
        started = loop.time()
        searcher = await self._searcher_of(conversation.behaviour)
        passages = await loop.run_in_executor(None, searcher.search, ask.payload.query)
        elapsed_ms = (loop.time() - started) * 1000
        return f.PassagesFound(ask_id=ask.ask_id, passages=write_passages(passages), elapsed_ms=elapsed_ms)
