"""Fault tests use the run's real broker (``tests/streams/broker.py``), or brokers of their own to kill."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from checked import A_SCENARIO_S, Play

from benchmarks.faults_stage import Stage, staged

for neighbour in ("streams", "guests"):
    sys.path.insert(0, str(Path(__file__).parents[1] / neighbour))

WORKERS = 2


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The independent reader's program."""
    from go_programs import built

    return built(tmp_path_factory.getbasetemp().parent, "reader")


@pytest.fixture(scope="session", params=["aiokafka"])
def play(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Plays scenarios, one after another, on one stage: log and workers stay, callers are each scenario's own."""
    from broker import bootstrap

    with asyncio.Runner() as runner:
        staging = staged(bootstrap(), tmp_path_factory.mktemp("stage"), workers=WORKERS, host=request.param)
        stage = runner.run(_in_time(staging.__aenter__()))

        async def prepared(scenario: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
            await stage.staff(WORKERS)
            await scenario(stage)

        try:
            yield lambda scenario: runner.run(_in_time(prepared(scenario)))
        finally:
            runner.run(staging.__aexit__(None, None, None))


async def _in_time(work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(A_SCENARIO_S):
        return await work
