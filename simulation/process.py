"""A simulated process: tasks that share a fate. It may freeze, thaw, and die at any point where it touches the world.

A death is abrupt: nothing that the process does afterwards reaches the world, and its memory is gone. The tasks are
cancelled only so that they end; what their ``finally`` blocks do goes nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from simulation.virtual_loop import PROCESS

AtPoint = Callable[["Process", str, str], None]


class Process:
    """``at_point(process, point, call_id)`` is called wherever the process is about to touch the world, or just did."""

    def __init__(self, name: str, at_point: AtPoint) -> None:
        self.name = name
        self.dead = False
        self.frozen = False
        self.ended = asyncio.Event()
        self._at_point = at_point
        self._kept: list[asyncio.Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def keep(self, handle: asyncio.Handle) -> None:
        self._kept.append(handle)

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        loop: Any = asyncio.get_running_loop()
        loop._ready.extend(self._kept)
        self._kept.clear()

    def start(self, main: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs ``main`` as this process."""
        token = PROCESS.set(self)
        try:
            task = asyncio.create_task(main, name=self.name)
        finally:
            PROCESS.reset(token)
        self._tasks.append(task)
        task.add_done_callback(self._is_over)
        return task

    def at(self, point: str, call_id: str = "") -> None:
        """A point where the process may die; ``call_id``: what it touches the world for, where it is one call. Raises
        ``CancelledError`` if it dies, or is dead already."""
        if not self.dead:
            self._at_point(self, point, call_id)
        if self.dead:
            raise asyncio.CancelledError

    def kill(self) -> None:
        if self.dead:
            return
        self.dead = True
        if self.frozen:
            self.thaw()
        for task in self._tasks:
            task.cancel()

    async def gone(self) -> None:
        """Returns when no task of it is left. Raises what its main task raised."""
        for task in self._tasks:
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _is_over(self, task: asyncio.Task[None]) -> None:
        self.ended.set()
