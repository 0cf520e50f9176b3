"""An asyncio event loop whose clock jumps to the next timer when nothing is ready: nobody ever sleeps.

Real work may be under way beside it (a thread, a subprocess that ``outside`` announces): then the clock stands still until
it is over, because virtual time that ran on would make the work look slow. A socket announces nothing: where peers talk over
some, both on this loop, ``fastest`` gives the kernel the time to bring what is on its way. Where nothing is ready, no timer
is set and nothing is under way, ``DeadlockError`` names the trouble at once.

Callbacks belong to the process (``simulation.process``) in whose context they were scheduled; those of a frozen process
are kept until it thaws. That is how one loop runs several processes of which one stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context, ContextVar, copy_context
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
    """``inline_executor``: ``run_in_executor`` runs its function at once, so that results don't depend on threads.
    ``fastest``: how many seconds of its clock pass in a real one, at most; None: as many as may."""

    _ready: deque[Any]  # asyncio's own
    _stopping: bool
    _selector: Any
    _process_events: Callable[[Any], None]

    def __init__(self, *, inline_executor: bool = False, start_s: float = 1000.0, fastest: float | None = None) -> None:
        self._now_s = start_s
        self._fastest = fastest
        self._timers: list[tuple[float, int, _Timer]] = []  # when due, in the order in which they were set
        self._timers_set = 0
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

    def call_soon(  # type: ignore[override]  # wider than asyncio's own
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Callback(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(callback, args, context, when)
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, timer))
        return timer

    def _run_once(self) -> None:
        """In place of asyncio's own: polls for I/O only when nothing is ready, and lets the clock jump."""
        ready = self._ready
        if not ready and not self._stopping:
            self._wait_for_something()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            context = handle._context
            process = context.get(PROCESS)
            if process is not None and process.frozen:
                process.keep(handle)
                continue
            try:
                context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.call_exception_handler({"message": "a callback failed", "exception": error, "handle": handle})

    def _wait_for_something(self) -> None:
        while True:
            if self._outside or not self._inline_executor:  # else nobody outside could have anything to say
                self._process_events(self._selector.select(REAL_WAIT_S if self._outside else 0))
            if self._ready:
                return
            if not self._outside:
                break
        timers, ready = self._timers, self._ready
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise DeadlockError("a task waits for something that nobody does")
        if self._fastest:
            self._process_events(self._selector.select(max(0.0, timers[0][0] - self._now_s) / self._fastest))
            if ready:
                return
        now_s = self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= now_s:
            timer = heapq.heappop(timers)[2]
            if not timer._cancelled:
                ready.append(timer)


class _Callback(asyncio.Handle):
    """What asyncio's own is without its debug mode: a simulated call makes thousands of them."""

    __slots__ = ()

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None) -> None:
        self._callback: Any = callback
        self._args: Any = args
        self._context = copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._callback}>"


class _Timer(_Callback, asyncio.TimerHandle):
    __slots__ = ()

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None, when: float
    ) -> None:
        self._callback: Any = callback
        self._args: Any = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._when = when


def run_virtual(main: Coroutine[Any, Any, T], *, inline_executor: bool = False, fastest: float | None = None) -> T:
    """Runs ``main`` to its end. A task that is left behind raises ``RuntimeError``."""
    loop = VirtualLoop(inline_executor=inline_executor, fastest=fastest)
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
