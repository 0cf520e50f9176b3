"""Deadlines of conversations, armed on the event loop from what the conversations' state says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from streams.clock import OwnerClock
from streams.mind import OpenTimer

Fire = Callable[[str, str, str, str | None], None]


class Timers:
    """``fire(conversation_id, timer_id, purpose, turn_id)`` is called once for each timer that comes due."""

    def __init__(self, clock: OwnerClock, fire: Fire) -> None:
        self.clock = clock
        self._fire = fire
        self._armed: dict[str, dict[str, asyncio.TimerHandle]] = {}

    def arm(self, conversation_id: str, timers: Mapping[str, OpenTimer]) -> None:
        """Makes the armed timers of this conversation equal to ``timers``: arms new ones, disarms the rest."""
        armed = self._armed.get(conversation_id)
        if armed is None:
            if not timers:
                return
            armed = self._armed.setdefault(conversation_id, {})
        for timer_id in armed.keys() - timers.keys():
            armed.pop(timer_id).cancel()
        for timer_id, timer in timers.items():
            if timer_id not in armed:
                delay_s = self.clock.delay_s(timer.due_at_us)
                armed[timer_id] = asyncio.get_running_loop().call_later(
                    delay_s, self._fire, conversation_id, timer_id, timer.purpose, timer.turn_id
                )
        if not armed:
            del self._armed[conversation_id]

    def clear(self) -> None:
        for armed in self._armed.values():
            for handle in armed.values():
                handle.cancel()
        self._armed.clear()
