"""An asyncio event loop whose clock jumps to the next timer when nothing is ready: nobody ever sleeps.

Real work may be under way beside it (a thread, a subprocess that ``outside`` announces): then the clock stands still until
it is over, because virtual time that ran on would make the work look slow. Where nothing is ready, no timer is set and
nothing is under way, ``DeadlockError`` names the trouble at once.

Callbacks belong to the process (``simulation.process``) in whose context they were scheduled; those of a frozen process
are kept until it thaws. That is how one loop runs several processes of which one stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
REAL_WAIT_S = 1.0  # how long one wait for real work may last before the loop looks around


class DeadlockError(RuntimeError):
    """Nothing will ever happen: a task waits for something that nobody does."""


class Freezable(Protocol):
    """A process whose callbacks the loop may have to keep back."""

    frozen: bool

    def keep(self, handle: asyncio.Handle) -> None: ...


PROCESS: ContextVar[Freezable | None] = ContextVar("process", default=None)


class VirtualLoop(asyncio.SelectorEventLoop):
    """``inline_executor``: ``run_in_executor`` runs its function at once, so that results don't depend on threads."""

    def __init__(self, *, inline_executor: bool = False, start_s: float = 1000.0) -> None:
        self._now_s = start_s
        self._outside = 0
        self._inline_executor = inline_executor
        super().__init__()

    def time(self) -> float:
        return self._now_s

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """While entered, real work is under way and the clock stands still."""
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1

    def run_in_executor(  # type: ignore[override]  # wider than asyncio's own
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if self._inline_executor:
            return self._run_inline(func, *args)
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._came_back)
        return future

    def _run_inline(self, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # the caller's to handle, as from a thread
            future.set_exception(error)
        return future

    def _came_back(self, _: asyncio.Future[Any]) -> None:
        self._outside -= 1

    def _run_once(self: Any) -> None:
        """In place of asyncio's own: polls for I/O only when nothing is ready, and lets the clock jump."""
        if not self._ready and not self._stopping:
            self._wait_for_something()
        ready = self._ready
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)
            if process is not None and process.frozen:
                process.keep(handle)
                continue
            handle._run()

    def _wait_for_something(self: Any) -> None:
        while True:
            if self._outside or not self._inline_executor:  # else nobody outside could have anything to say
                self._process_events(self._selector.select(REAL_WAIT_S if self._outside else 0))
            if self._ready:
                return
            if not self._outside:
                break
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
            self._timer_cancelled_count -= 1
        if not scheduled:
            raise DeadlockError("a task waits for something that nobody does")
        self._now_s = max(self._now_s, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._now_s:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)


def run_virtual(main: Coroutine[Any, Any, T], *, inline_executor: bool = False) -> T:
    """Runs ``main`` to its end. A task that is left behind raises ``RuntimeError``."""
    loop = VirtualLoop(inline_executor=inline_executor)
    try:
        result = loop.run_until_complete(main)
        left = asyncio.all_tasks(loop)
        if left:
            raise RuntimeError(f"tasks left running: {sorted(task.get_name() for task in left)}")
        loop.run_until_complete(loop.shutdown_asyncgens())
        with loop.outside():  # joining threads is real work
            loop.run_until_complete(loop.shutdown_default_executor())
        return result
    finally:
        loop.close()
