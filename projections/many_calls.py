"""Many calls, looked at in several processes: each takes its share of them and says what it found, call by call.

A process opens the log by itself; nothing is shared but the ids of calls. It waits in its pipe while it is ahead.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Protocol, TypeVar

FoundT = TypeVar("FoundT", covariant=True)
T = TypeVar("T")


class Judge(Protocol[FoundT]):
    async def judge(self, call_id: str, since_us: int | None) -> FoundT | None:
        """None for a call that is of no concern: it began before ``since_us``."""
        ...


FEW = 40  # so many calls are judged sooner than another process has started
OpenJudge = Callable[[], AbstractAsyncContextManager[Judge[T]]]
"""Opens the log and what is asked of models in a process: a function of a module, or a ``partial`` of one."""


class HelperLostError(Exception):
    """A process ended before its work was done; what it said stands on stderr. Nothing is lost."""


class _Work(NamedTuple):
    open_judge: OpenJudge[Any]
    call_ids: Sequence[str]
    since_us: int | None


async def judge_all(
    open_judge: OpenJudge[T], call_ids: Sequence[str], since_us: int | None, processes: int
) -> AsyncGenerator[T | None, None]:
    """One value a call, None for those that are older than ``since_us``; in order where one process does it.

    Close it (``aclosing``): it ends its processes. Raises ``HelperLostError``.
    """
    if processes <= 1 or len(call_ids) <= FEW:
        async with open_judge() as judge:
            for call_id in call_ids:
                yield await judge.judge(call_id, since_us)
        return
    async for told in _in_processes(open_judge, call_ids, since_us, processes):
        yield told


async def _in_processes(
    open_judge: OpenJudge[T], call_ids: Sequence[str], since_us: int | None, processes: int
) -> AsyncIterator[T | None]:
    spawning = multiprocessing.get_context("spawn")
    loop = asyncio.get_running_loop()
    hearing: list[Connection] = []
    started = []
    try:
        for which in range(processes):
            here, there = spawning.Pipe(duplex=False)
            work = _Work(open_judge, call_ids[which::processes], since_us)
            process = spawning.Process(target=_help, args=(there, work), daemon=True)
            process.start()
            there.close()  # so that its end is heard
            hearing.append(here)
            started.append(process)
        to_come = len(call_ids)
        while to_come:
            for ready in await loop.run_in_executor(None, wait, hearing):
                assert isinstance(ready, Connection)
                try:
                    told: list[T | None] = ready.recv()
                except EOFError:
                    raise HelperLostError("a process that judged calls ended") from None
                if not told:  # it is done
                    hearing.remove(ready)
                    ready.close()
                for call in told:
                    to_come -= 1
                    yield call
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()
        for here in hearing:
            here.close()


def _help(tell: Connection, work: _Work) -> None:
    asyncio.run(_judge(tell, work))


async def _judge(tell: Connection, work: _Work) -> None:
    async with work.open_judge() as judge:
        for call_id in work.call_ids:
            tell.send([await judge.judge(call_id, work.since_us)])
    tell.send([])
