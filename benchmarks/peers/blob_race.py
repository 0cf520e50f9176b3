"""The whole race as one piece of work, for engines that keep it as one blob."""

from __future__ import annotations

import asyncio

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel
from benchmarks.race_bare import BareRace
from benchmarks.race_turns import RaceTurn


class BlobRace:
    """The reply is handed over as soon as it is known; the losers are cancelled behind it, not in front of it."""

    def __init__(self, model: LanguageModel, behaviour: Behaviour) -> None:
        self._race = BareRace(model, behaviour)
        self._running: set[asyncio.Task[None]] = set()

    async def reply(self, turn: RaceTurn) -> str:
        """Raises ``NothingAcceptableError``, ``ProviderError``."""
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(turn, reply))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait((task, reply), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not reply.done():
            await task  # raises what it failed with
        return reply.result()

    async def _run(self, turn: RaceTurn, reply: asyncio.Future[str]) -> None:
        async with self._race.racing(turn) as text:
            reply.set_result(text)
