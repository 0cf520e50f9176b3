"""A model that answers the race's requests from the emulator's script, at once or when it is told to."""

from __future__ import annotations

import asyncio

from agent_core.ports import CompletionRequest, CompletionResult
from benchmarks.race_turns import emulator_config

_SCORES = {entry.match: entry.reply for entry in emulator_config().llm.script if entry.match != "."}


class ScriptedModel:
    """``held``: labels that contain it are never answered. ``cancelled``: labels of calls that were, and that may end
    once ``let_go`` is set (at once by default)."""

    name = "scripted"

    def __init__(self, held: str | None = None, answer: str | None = None) -> None:
        self._held, self._answer = held, answer
        self.cancelled: list[str] = []
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            await asyncio.sleep(0)
            if self._held is not None and self._held in request.label:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            await self.let_go.wait()
            self.cancelled.append(request.label)
            raise
        return CompletionResult(text=self._text(request), provider=self.name, model=self.name)

    async def close(self) -> None:
        """Nothing is held."""

    def _text(self, request: CompletionRequest) -> str:
        if request.purpose == "classify":
            asked = request.messages[-1].content
            return next(scores for question, scores in _SCORES.items() if question in asked)
        if request.purpose == "guard":
            return '{"violates": 0.02}'
        return self._answer or request.approved or ""
