"""Worker processes that can be killed, stopped and woken: each is what ``ledgerline worker`` starts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from console.settings import Settings
from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.heartbeats import Heartbeats
from streams.kafka.topics import Topics

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_HOST = "aiokafka"
READY_S = 60.0
STOPPED_S = 30.0  # what supervisors usually grant (terminationGracePeriodSeconds of Kubernetes)
LOOK_S = 0.05


class WorkerFailedError(Exception):
    """A worker ended, or never began to own. The message holds what it said."""


class _Ready(msgspec.Struct):
    worker: str
    pid: int


class Worker:
    """One process. ``said``: the file that its stderr goes to."""

    def __init__(self, process: asyncio.subprocess.Process, said: Path) -> None:
        self._process, self._said = process, said
        self.worker_id = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> None:
        """Returns once it owns what it was given. Raises ``WorkerFailedError``."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                announced = await self._process.stdout.readuntil(b"\n}\n")
            self.worker_id = msgspec.json.decode(announced, type=_Ready).worker
        except (TimeoutError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            raise WorkerFailedError(f"a worker didn't begin: {self.said()}") from None

    def said(self) -> str:
        return self._said.read_text(errors="replace")[-2_000:]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL: nothing that it still had to say is said."""
        if self.is_running:
            self.send(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> None:
        """In good order: it hands over what it owns. Raises ``WorkerFailedError``."""
        if self.is_running:
            self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOPPED_S):
                code = await self._process.wait()
        except TimeoutError:
            await self.kill()
            raise WorkerFailedError(f"a worker didn't stop when it was told to: {self.said()}") from None
        if code:
            raise WorkerFailedError(f"a worker ended with {code}: {self.said()}")


class Workers:
    """Starts workers of one log. All that still run are killed by ``close``."""

    def __init__(self, settings: Settings, host: str) -> None:
        self._environment = _environment(settings)
        self._directory, self._host = settings.data, host
        self._started: list[Worker] = []

    async def start(self) -> Worker:
        said = self._directory / f"worker-{len(self._started)}.said"
        with said.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from console.main import main; main()",
                "worker",
                "--json",
                "--host",
                self._host,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        worker = Worker(process, said)
        self._started.append(worker)
        return worker

    @property
    def running(self) -> list[Worker]:
        return [worker for worker in self._started if worker.is_running]

    async def close(self) -> None:
        for worker in self._started:
            await worker.kill()


class Ownership:
    """Who owns which partition, as the workers tell each other."""

    def __init__(self, partitions: int) -> None:
        self._owners: dict[int, tuple[int, str]] = {}
        self._partitions = partitions

    def note(self, worker_id: str, epochs: Mapping[int, int]) -> None:
        for partition, epoch in epochs.items():
            if epoch and epoch >= self._owners.get(partition, (0, ""))[0]:
                self._owners[partition] = epoch, worker_id

    def forget(self) -> None:
        """What was said so far: who lives says it again soon, as soon as brokers take it."""
        self._owners.clear()

    def of(self, worker: Worker) -> list[int]:
        return [partition for partition, (_, owner) in self._owners.items() if owner == worker.worker_id]

    async def until(self, *workers: Worker) -> None:
        """Until these workers own every partition among them, and each of them owns some."""
        async with asyncio.timeout(READY_S):
            while not all(map(self.of, workers)) or sum(len(self.of(one)) for one in workers) < self._partitions:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def watched(bootstrap: str, topics: Topics) -> AsyncIterator[Ownership]:
    ownership, connection = Ownership(topics.partitions), Connection(Brokers(bootstrap))

    async def listen() -> None:
        async for beat in Heartbeats(connection, topics).follow():
            ownership.note(beat.worker_id, beat.epochs)

    listening = asyncio.create_task(listen())
    try:
        yield ownership
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await connection.close()


def _environment(settings: Settings) -> dict[str, str]:
    """No vendor's key gets in: approved wordings answer, and no model is asked."""
    ours = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    if settings.log.registry:
        ours["LEDGERLINE_LOG__REGISTRY"] = settings.log.registry
    return ours | {
        "LEDGERLINE_LOG__URL": settings.log.url,
        "LEDGERLINE_DATA": str(settings.data),
        "LEDGERLINE_LLM__PROVIDER": "local",
        "OMP_NUM_THREADS": "1",
    }
