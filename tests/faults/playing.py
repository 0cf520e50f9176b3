"""A stage that stands for several tests: log and workers stay, callers are each scenario's own.

The log grows from test to test, and whoever reads it reads it whole: so it is read once, when all have been played.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

from checked import assert_one_reply_a_turn, assert_others_agree, assert_sound

from benchmarks.faults_stage import Stage

Play = Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]
A_SCENARIO_S = 240.0  # a safety net, on whatever machine
LEARNT = "embeddings.npz"  # beside a log: what workers make of behaviour's examples, once


@contextmanager
def playing(staging: AbstractAsyncContextManager[Stage], workers: int, reader: Path) -> Iterator[Play]:
    """Plays scenarios one after another. Each begins with so many workers, and ends with nobody on the line: hung up, where
    it went well. In the end what all of them left behind has to be sound; behind a scenario that failed nobody asks."""
    failed = False
    with asyncio.Runner() as runner:
        stage = runner.run(_in_time(staging.__aenter__()))

        async def prepared(scenario: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
            nonlocal failed
            await stage.staff(workers)
            try:
                await scenario(stage)
                await stage.hang_up()
                assert_one_reply_a_turn(stage)
            except BaseException:
                failed = True
                raise
            finally:
                await stage.clear()

        async def examined() -> None:
            assert_sound(await stage.history(), stage)
            await assert_others_agree(stage, reader)

        try:
            yield lambda scenario: runner.run(_in_time(prepared(scenario)))
            if stage.over and not failed:
                runner.run(_in_time(examined()))
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
