"""A stage that stands for several tests: log and workers stay, callers are each scenario's own."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faults_stage import Stage

Play = Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]
A_SCENARIO_S = 240.0  # a safety net, on whatever machine
LEARNT = "embeddings.npz"  # beside a log: what workers make of behaviour's examples, once


@contextmanager
def playing(staging: AbstractAsyncContextManager[Stage], workers: int) -> Iterator[Play]:
    """Plays scenarios one after another. Each begins with so many workers."""
    with asyncio.Runner() as runner:
        stage = runner.run(_in_time(staging.__aenter__()))

        async def prepared(scenario: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
            await stage.staff(workers)
            try:
                await scenario(stage)
            finally:
                await stage.clear()

        try:
            yield lambda scenario: runner.run(_in_time(prepared(scenario)))
        finally:
            runner.run(staging.__aexit__(None, None, None))


@contextmanager
def handed_on(learnt: Path, directory: Path) -> Iterator[Path]:
    """The directory of a stage. Its workers know what those of earlier stages ``learnt``, and leave what they did."""
    directory.mkdir(exist_ok=True)
    if learnt.exists():
        shutil.copyfile(learnt, directory / LEARNT)
    yield directory
    if not learnt.exists():
        part = learnt.with_suffix(f".{os.getpid()}")
        shutil.copyfile(directory / LEARNT, part)
        part.replace(learnt)


async def _in_time(work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(A_SCENARIO_S):
        return await work
