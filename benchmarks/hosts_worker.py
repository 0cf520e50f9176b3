"""A worker of either host in a process of its own, with a mind that costs nothing: ``python -m benchmarks.hosts_worker``.

Its arguments: host, bootstrap, prefix of the topics, data directory. It prints "owns" once it owns all partitions.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop
from msgspec.structs import replace

from console.garbage import spare_what_is_loaded
from console.kafka_workspace import kafka_workspace
from console.settings import Settings
from schemas.base import Kind
from schemas.decisions import CandidateAccepted
from schemas.event import Event, derived_id
from streams.kafka.url import KafkaUrl
from streams.mind import OpenWork, Report


class OneDecision:
    """Answers each fact with one decision: what is left is the host, its owners and the log. A conversation is its seq."""

    def initial(self, conversation_id: str) -> int:
        return 0

    def fold(self, conversation: int, event: Event) -> int:
        return event.seq

    def step(self, conversation: int, fact: Event) -> tuple[int, tuple[Event, ...]]:
        first = replace(fact, seq=conversation + 1, step_id=fact.event_id, step_size=2)
        decision = Event(
            event_id=derived_id(fact.event_id, "accepted", 0),
            type=CandidateAccepted.__name__,
            schema_version=CandidateAccepted.VERSION,
            conversation_id=fact.conversation_id,
            seq=conversation + 2,
            step_id=fact.event_id,
            step_index=1,
            step_size=2,
            kind=Kind.DECISION,
            causation_id=fact.event_id,
            accepted_at_us=fact.accepted_at_us,
            payload=CandidateAccepted(candidate_id="c"),
        )
        return conversation + 2, (first, decision)

    def open_work(self, conversation: int) -> OpenWork:
        return OpenWork(asks=False, timers={}, finished=False)

    def freeze(self, conversation: int) -> None:
        return None

    def thaw(self, conversation_id: str, frozen: bytes) -> None:
        return None


class NothingToRun:
    def begin(self, epoch: int, report: Report) -> None: ...

    def reconcile(self, conversation_id: str, conversation: int) -> None: ...

    async def stop(self) -> None: ...


async def own(host: str, bootstrap: str, prefix: str, data: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with kafka_workspace(KafkaUrl(bootstrap, prefix), Settings(data=Path(data)), create=True) as workspace:
        spare_what_is_loaded()
        async with workspace.worker(host, OneDecision(), NothingToRun):
            print("owns", flush=True)
            await stopped.wait()


if __name__ == "__main__":
    uvloop.run(own(*sys.argv[1:]))
