"""The gateway's part of the race in a process of its own, as gateways and workers stand on Kafka.

It puts the caller's words and reads what was chosen. Commands and answers are lines of JSON. Times are comparable: on one
machine ``time.perf_counter`` is the same clock in every process.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from benchmarks.race_behaviour import race_behaviour
from benchmarks.race_calls import Calls, OpenCall
from benchmarks.race_side import Decided
from console.garbage import spare_what_is_loaded
from console.kafka_workspace import kafka_workspace
from console.settings import Settings
from streams.kafka.url import KafkaUrl


class GatewayFailedError(RuntimeError):
    """The process ended with commands under way."""


class RaceGateway:
    """Calls in the other process. Made by ``race_gateway``."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid = process.pid
        self._waiting: dict[str, asyncio.Future[dict[str, str | float]]] = {}

    async def opened(self, call_id: str) -> GatewayCall:
        await self.ask(call_id, do="open")
        return GatewayCall(self, call_id)

    async def ask(self, call_id: str, **command: str) -> dict[str, str | float]:
        """Raises ``GatewayFailedError``."""
        assert self._process.stdin is not None
        answer: asyncio.Future[dict[str, str | float]] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = answer
        self._process.stdin.write(json.dumps({"call": call_id, **command}).encode() + b"\n")
        return await answer

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            self._waiting.pop(answer["call"]).set_result(answer)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(GatewayFailedError("the gateway's process ended"))


class GatewayCall:
    def __init__(self, gateway: RaceGateway, call_id: str) -> None:
        self._gateway, self._call_id = gateway, call_id

    async def decide(self, question: str) -> Decided:
        answer = await self._gateway.ask(self._call_id, do="decide", question=question)
        return Decided(str(answer["text"]), float(answer["at_s"]), float(answer["began_s"]))

    async def close(self) -> None:
        await self._gateway.ask(self._call_id, do="close")


@asynccontextmanager
async def race_gateway(url: KafkaUrl, data: Path) -> AsyncIterator[RaceGateway]:
    """``data``: the directory with the keys, which the worker uses too."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.race_gateway", url.bootstrap, url.prefix, str(url.replication), str(data)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    gateway = RaceGateway(process)
    try:
        if await process.stdout.readline() != b"ready\n":
            raise GatewayFailedError("the gateway's process did not start")
        reading = asyncio.create_task(gateway.read())
        yield gateway
        process.stdin.close()
        await process.wait()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class _Serving:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._open: dict[str, OpenCall] = {}

    async def obey(self, command: dict[str, str]) -> None:
        call_id, answer = command["call"], {"call": command["call"]}
        if command["do"] == "open":
            self._open[call_id] = await self._calls.opened(call_id)
        elif command["do"] == "decide":
            decided = await self._open[call_id].decide(command["question"])
            answer |= decided._asdict()
        else:
            await self._open.pop(call_id).close()
        print(json.dumps(answer), flush=True)


async def _serve(bootstrap: str, prefix: str, replication: str, data: str) -> None:
    url = KafkaUrl(bootstrap, prefix, replication=int(replication))
    async with kafka_workspace(url, Settings(data=Path(data)), create=True) as workspace, asyncio.TaskGroup() as group:
        serving = _Serving(Calls(workspace, race_behaviour()))
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        spare_what_is_loaded()
        print("ready", flush=True)
        async for line in commands:
            group.create_task(serving.obey(json.loads(line)))


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
