"""Executor: which passages of the pinned knowledge bear on the question."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agent_core.conversation import Ask, Conversation
from agent_core.found import write_passages
from agent_core.ports import Passage
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact


class Searcher(Protocol):
    def search(self, query: str) -> list[Passage]: ...


class Retrieve:
    def __init__(self, searcher_of: dict[str, Searcher]) -> None:
        """``searcher_of``: by content hash of the behaviour whose articles it searches."""
        self._searcher_of = searcher_of

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        assert isinstance(ask.payload, d.PassagesAsked)
        loop = asyncio.get_running_loop()
        started = loop.time()
        search = self._searcher_of[conversation.behaviour_hash].search
        passages = await loop.run_in_executor(None, search, ask.payload.query)
        elapsed_ms = (loop.time() - started) * 1000
        return f.PassagesFound(ask_id=ask.ask_id, passages=write_passages(passages), elapsed_ms=elapsed_ms)
