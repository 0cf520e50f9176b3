"""Workflows of the race on DBOS, and their steps.

What is advised, and taken: coroutine workflows and steps on one event loop, started in parallel in a fixed order
(docs.dbos.dev/python/tutorials/workflow-tutorial, step-tutorial); the workflow called directly in the process that wants
its result, with no queue before it; children by ``start_workflow_async``.
"""

from __future__ import annotations

from functools import lru_cache

from dbos import DBOS

from agent_core.behaviour import Behaviour
from agent_core.ports import CompletionRequest, CompletionResult, LanguageModel
from benchmarks.peers.blob_race import BlobRace
from benchmarks.peers.wire import encoded, request_in, result_in, turn_in
from benchmarks.race_bare import BareRace
from benchmarks.race_behaviour import race_behaviour

_behaviour = lru_cache(maxsize=1)(race_behaviour)


class _Hands:
    """What steps work with: DBOS knows functions by their names, and keeps no objects for them."""

    model: LanguageModel
    race: BlobRace


_hands = _Hands()


def work_with(model: LanguageModel, behaviour: Behaviour) -> None:
    _hands.model, _hands.race = model, BlobRace(model, behaviour)


@DBOS.step()
async def race_step(turn: bytes) -> str:
    return await _hands.race.reply(turn_in(turn))


@DBOS.step()
async def call_step(request: bytes) -> bytes:
    return encoded(await _hands.model.complete(request_in(request)))


@DBOS.workflow()
async def call_workflow(request: bytes) -> bytes:
    return await call_step(request)


class _Steps:
    """A model whose every call is a step."""

    name = "dbos"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return result_in(await call_step(encoded(request)))

    async def close(self) -> None:
        """Nothing is held."""


class _Children(_Steps):
    """A model whose every call is a child workflow. A loser's goes on to its end, as a workflow does whose caller left."""

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        child = await DBOS.start_workflow_async(call_workflow, encoded(request))
        return result_in(await child.get_result())


@DBOS.workflow()
async def one_step(turn: bytes) -> str:
    return await race_step(turn)


@DBOS.workflow()
async def seventeen_steps(turn: bytes) -> str:
    async with BareRace(_Steps(), _behaviour()).racing(turn_in(turn)) as reply:
        return reply


@DBOS.workflow()
async def seventeen_children(turn: bytes) -> str:
    async with BareRace(_Children(), _behaviour()).racing(turn_in(turn)) as reply:
        return reply
