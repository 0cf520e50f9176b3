"""Executor: which intents may the caller's words mean, with what probability."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Conversation
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact


class Classifier(Protocol):
    """``scores`` gives calibrated probabilities by intent; it may compute for some milliseconds."""

    @property
    def version(self) -> str: ...

    def scores(self, text: str) -> dict[str, float]: ...


class Classify:
    def __init__(self, classifier_of: Callable[[Behaviour], Awaitable[Classifier]]) -> None:
        """``classifier_of``: the one that was trained for a behaviour, which may have to be trained first."""
        self._classifier_of = classifier_of

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        assert isinstance(ask.payload, d.ClassificationAsked)
        loop = asyncio.get_running_loop()
        started = loop.time()
        classifier = await self._classifier_of(conversation.behaviour)
        scores = await loop.run_in_executor(None, classifier.scores, ask.payload.text)
        return f.ScoresReturned(
            ask_id=ask.ask_id,
            scores=tuple(f.Score(name, value) for name, value in sorted(scores.items())),
            model=classifier.version,
            elapsed_ms=(loop.time() - started) * 1000,
        )
