"""The race in bare asyncio: the same calls, prompts, labels, SDK and guardrails; no log, no events, no recovery.

What somebody would write who needs nothing else from a turn: ask at once, take the first acceptable, cancel the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from agent_core.behaviour import Behaviour, Intent
from agent_core.ports import CompletionRequest, LanguageModel
from benchmarks.race_rules import TurnRules
from benchmarks.race_side import Decided, Durability, NothingAcceptableError, Side
from benchmarks.race_turns import RaceTurn, bare_conversation

AsCompleted = Callable[[Sequence[asyncio.Task[str]]], Iterable[Awaitable[str]]]


class BareRace:
    """``as_completed``: an engine that runs asyncio code on a loop of its own brings its own."""

    def __init__(
        self, model: LanguageModel, behaviour: Behaviour, as_completed: AsCompleted = asyncio.as_completed
    ) -> None:
        self._model, self._behaviour, self._as_completed = model, behaviour, as_completed

    @asynccontextmanager
    async def racing(self, turn: RaceTurn) -> AsyncIterator[str]:
        """Yields the reply; leaving it cancels the losers. Raises ``NothingAcceptableError``, ``ProviderError``."""
        rules = TurnRules(self._behaviour, *bare_conversation(turn, self._behaviour))
        tasks: list[asyncio.Task[str] | asyncio.Task[bool]] = []
        try:
            guards = [asyncio.create_task(self._guard(rules, name)) for name in rules.guards]
            tasks += guards
            intents = rules.intents(await self._ask(rules.classification))
            answers = [asyncio.create_task(self._first_acceptable(rules, intent)) for intent in intents]
            tasks += answers
            if not (all(await asyncio.gather(*guards)) and rules.clean):
                raise NothingAcceptableError("the caller's words were blocked")
            yield await answers[0]
        finally:
            await _cancel(tasks)

    async def _guard(self, rules: TurnRules, name: str) -> bool:
        return rules.guard_passes(name, await self._ask(rules.guards[name]))

    async def _first_acceptable(self, rules: TurnRules, intent: Intent) -> str:
        attempts = [asyncio.create_task(self._ask(request)) for request in rules.attempts(intent)]
        try:
            for finished in self._as_completed(attempts):
                reply = rules.acceptable(intent, await finished)
                if reply is not None:
                    return reply
            raise NothingAcceptableError(intent.name)
        finally:
            await _cancel(attempts)

    async def _ask(self, request: CompletionRequest) -> str:
        return (await self._model.complete(request)).text


class BareSide(Side):
    name = "bare asyncio"
    durable = Durability("nothing", "never", 0, "the turn (so does kill -9)")

    def __init__(self, model: LanguageModel, behaviour: Behaviour) -> None:
        self._race = BareRace(model, behaviour)

    async def decide(self, turn: RaceTurn) -> Decided:
        async with self._race.racing(turn) as reply:
            return Decided(reply, time.perf_counter())


async def _cancel(tasks: Sequence[asyncio.Task[str] | asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
