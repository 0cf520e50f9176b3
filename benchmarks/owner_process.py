"""A worker in a process of its own, so that its CPU and memory are nobody else's. Also what that process runs.

What its decisions ask for comes back at once and costs nothing: what is left is the owner, the codec and the client.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import uvloop

from agent_core.conversation import Ask, Conversation
from benchmarks.recorded_calls import outcome
from console.agent import make_mind
from console.garbage import spare_what_is_loaded
from console.kafka_workspace import kafka_workspace
from console.settings import Settings
from processors.effects import EffectRunner
from schemas import decisions as d
from schemas.base import Fact
from streams.kafka.url import KafkaUrl

_STOP_S = 15.0


class OwnerNotStartedError(RuntimeError):
    """The worker's process ended before it owned anything."""


class OwnerProcess:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._watched = process, psutil.Process(process.pid)

    async def starting(self) -> None:
        """Returns when all is loaded and it begins to join. Raises ``OwnerNotStartedError``."""
        await self._until("starts")

    async def ready(self) -> None:
        """Returns when it owns what it was assigned. Raises ``OwnerNotStartedError``."""
        await self._until("owns")

    def cpu_s(self) -> float:
        times = self._watched.cpu_times()
        return float(times.user + times.system)

    def resident_mb(self) -> float:
        return float(self._watched.memory_info().rss) / 1e6

    async def _until(self, wanted: str) -> None:
        assert self._process.stdout is not None
        loop, line = asyncio.get_running_loop(), ""
        while line != wanted:
            line = (await loop.run_in_executor(None, self._process.stdout.readline)).strip()
            if not line:
                raise OwnerNotStartedError(f"the worker's process ended with code {self._process.wait(_STOP_S)}")


@contextmanager
def owner_process(bootstrap: str, prefix: str, data: Path) -> Iterator[OwnerProcess]:
    """Hands its partitions over when it is left."""
    command = [sys.executable, "-m", __name__, bootstrap, prefix, str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield OwnerProcess(process)
    finally:
        process.terminate()
        process.wait(_STOP_S)
        assert process.stdout is not None
        process.stdout.close()


def effects() -> EffectRunner:
    asked = (d.ClassificationAsked, d.PassagesAsked, d.CompletionAsked, d.GuardrailAsked)
    return EffectRunner(dict.fromkeys(asked, _at_once))


async def _at_once(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    return outcome(ask, attempt)


async def _own(bootstrap: str, prefix: str, data: Path) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with kafka_workspace(KafkaUrl(bootstrap, prefix), Settings(data=data), create=True, warm=True) as workspace:
        mind = make_mind(workspace.behaviour_of, workspace.keys)
        spare_what_is_loaded()
        print("starts", flush=True)
        async with workspace.worker("aiokafka", mind, effects):
            print("owns", flush=True)
            await stopped.wait()


if __name__ == "__main__":
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its retries are no news, as in the command line
    uvloop.run(_own(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
