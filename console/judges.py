"""What looks at many calls, opened in whichever process does it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import cache, partial
from typing import TypeVar

from agent_core.behaviour_loader import load
from console.failures import FailedError, UsageError
from console.progress import Progress
from console.settings import Settings
from console.signed_in import open_fixtures
from console.what_if_models import WhatIfModels, answered_by
from console.workspace import open_workspace
from processors.deciders import cascade
from processors.executors.simulated_tools import simulated
from projections.many_calls import HelperLostError, OpenJudge, judge_all
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.replay_all import ReplayJudge
from projections.what_if.call import Source, WhatIfCall
from projections.what_if.change import WhatIf
from projections.what_if.going_on import GoOn
from simulation.going_on import GoingOn

T = TypeVar("T")


@asynccontextmanager
async def open_what_if(
    settings: Settings, what_if: WhatIf, offline: bool, seed: int | None = None
) -> AsyncIterator[WhatIfCall]:
    """``seed``: calls go on behind their first changed reply, with simulated callers of that seed."""
    llm = answered_by(settings.llm, what_if.model)
    models = WhatIfModels(llm, offline=offline, another=what_if.model is not None)
    async with open_workspace(settings, create=False) as workspace:
        behaviour_of = recorded_behaviours(workspace.behaviours)
        in_use = cache(partial(load, settings.behaviour))  # read where a conversation needs it
        source = Source(workspace.stores.ledger, workspace.codec, workspace.keys, behaviour_of, in_use)
        try:
            yield WhatIfCall(source, cascade(), what_if, models.answer_for, _going_on(settings, seed))
        finally:
            await models.close()


def _going_on(settings: Settings, seed: int | None) -> GoOn | None:
    """Raises ``ConfigurationError`` for fixtures of tools that can't be read."""
    if seed is None:
        return None
    fixtures = settings.tools.simulated
    return GoingOn(seed, simulated(open_fixtures(fixtures)) if fixtures else {})


@asynccontextmanager
async def open_replays(settings: Settings) -> AsyncIterator[ReplayJudge]:
    async with open_workspace(settings, create=False) as workspace:
        recomputer = Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys)
        yield ReplayJudge(workspace.stores.ledger, workspace.codec, recomputer)


async def all_calls(settings: Settings) -> list[str]:
    """Raises ``UsageError`` where there are none."""
    async with open_workspace(settings, create=False) as workspace:
        known = await workspace.conversations()
    if not known:
        raise UsageError("there are no calls on this log yet")
    return known


async def each_call(
    open_judge: OpenJudge[T], call_ids: list[str], since_us: int | None, jobs: int | None, what: str
) -> AsyncIterator[T]:
    """What is found of each call that began since then, with progress on stderr. Raises ``FailedError``."""
    processes = jobs or os.cpu_count() or 1
    try:
        with Progress(what) as progress:
            async with aclosing(judge_all(open_judge, call_ids, since_us, processes)) as found:
                done = 0
                async for one in found:
                    done += 1
                    progress(done, len(call_ids))
                    if one is not None:
                        yield one
    except HelperLostError as error:
        raise FailedError(str(error)) from None
