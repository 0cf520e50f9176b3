"""Workflows of the race on Temporal, and the activities that they run.

What is advised, and taken: a long-lived entity is a workflow that is asked by Updates; short work that needs no queue
is a local activity (docs.temporal.io/design-patterns/local-activities); a race takes the first activity and cancels
the others, which hear of it by their heartbeats (design-patterns/pick-first); asyncio in a workflow is Temporal's own
loop, with ``workflow.as_completed`` for ``asyncio.as_completed`` (python.temporal.io).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import lru_cache

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from agent_core.behaviour import Behaviour
from agent_core.ports import CompletionRequest, CompletionResult, LanguageModel
from benchmarks.peers.blob_race import BlobRace
from benchmarks.peers.wire import encoded, request_in, result_in, turn_in
from benchmarks.race_bare import BareRace
from benchmarks.race_behaviour import race_behaviour

_TURN_TIMEOUT = timedelta(seconds=15)
# A loser goes on until a heartbeat tells it: at most every 0.8 of the timeout one is sent.
_HEARTBEAT_TIMEOUT = timedelta(seconds=1)
_BEAT_S = 0.4
_ONCE = RetryPolicy(maximum_attempts=1)  # as on every side: asking again is the race's business

_behaviour = lru_cache(maxsize=1)(race_behaviour)
Ask = Callable[[CompletionRequest], Awaitable[bytes]]


class Activities:
    def __init__(self, model: LanguageModel, behaviour: Behaviour) -> None:
        self._model, self._race = model, BlobRace(model, behaviour)

    @activity.defn(name="race")
    async def race(self, turn: bytes) -> str:
        return await self._race.reply(turn_in(turn))

    @activity.defn(name="call")
    async def call(self, request: bytes) -> bytes:
        beating = asyncio.create_task(_beat())
        try:
            return await self.local_call(request)
        finally:
            beating.cancel()

    @activity.defn(name="local_call")
    async def local_call(self, request: bytes) -> bytes:
        return encoded(await self._model.complete(request_in(request)))


async def _beat() -> None:
    while True:
        await asyncio.sleep(_BEAT_S)
        activity.heartbeat()


class _Asked:
    """A model whose every call is an activity, or a child workflow."""

    name = "temporal"

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return result_in(await self._ask(request))

    async def close(self) -> None:
        """Nothing is held."""


async def _race(turn: bytes, ask: Ask) -> str:
    race = BareRace(_Asked(ask), _behaviour(), workflow.as_completed)
    async with race.racing(turn_in(turn)) as reply:
        return reply


async def _one_activity(turn: bytes) -> str:
    reply: str = await workflow.execute_local_activity(
        "race", turn, result_type=str, start_to_close_timeout=_TURN_TIMEOUT, retry_policy=_ONCE
    )
    return reply


async def _by_activity(request: CompletionRequest) -> bytes:
    result: bytes = await workflow.execute_activity(
        "call",
        encoded(request),
        result_type=bytes,
        start_to_close_timeout=timedelta(milliseconds=request.timeout_ms),
        heartbeat_timeout=_HEARTBEAT_TIMEOUT,
        retry_policy=_ONCE,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
    )
    return result


async def _by_local_activity(request: CompletionRequest) -> bytes:
    result: bytes = await workflow.execute_local_activity(
        "local_call",
        encoded(request),
        result_type=bytes,
        start_to_close_timeout=timedelta(milliseconds=request.timeout_ms),
        retry_policy=_ONCE,
        cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
    )
    return result


async def _by_child(request: CompletionRequest) -> bytes:
    return await workflow.execute_child_workflow(
        Call.run,
        encoded(request),
        id=f"{workflow.info().workflow_id}/{request.label}",
        cancellation_type=workflow.ChildWorkflowCancellationType.TRY_CANCEL,
        parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
    )


@workflow.defn
class Conversation:
    """A call, alive from its first ring to its end. One Update is one turn."""

    def __init__(self) -> None:
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal
    def hang_up(self) -> None:
        self._over = True

    @workflow.update
    async def greet(self) -> None:
        """From here on the worker has the workflow in its cache."""

    @workflow.update
    async def one_local_activity(self, turn: bytes) -> str:
        return await _one_activity(turn)

    @workflow.update
    async def local_activities(self, turn: bytes) -> str:
        return await _race(turn, _by_local_activity)

    @workflow.update
    async def activities(self, turn: bytes) -> str:
        return await _race(turn, _by_activity)

    @workflow.update
    async def children(self, turn: bytes) -> str:
        return await _race(turn, _by_child)


@workflow.defn
class Call:
    """One model call as a workflow of its own."""

    @workflow.run
    async def run(self, request: bytes) -> bytes:
        return await _by_local_activity(request_in(request))


@workflow.defn
class DetachedTurn:
    """A turn as a workflow of its own, apart from any conversation: started eagerly, over within its first task."""

    @workflow.run
    async def run(self, turn: bytes) -> str:
        return await _one_activity(turn)
