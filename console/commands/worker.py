"""``ledgerline worker``: owns a share of the conversations of a log on Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from agent_core.behaviour_loader import load
from console.agent import make_mind
from console.agent_opening import open_agent
from console.failures import UsageError
from console.garbage import spare_what_is_loaded
from console.output import print_json
from console.settings import Settings, load_settings
from console.vendor_trouble import VendorTrouble

HOSTS = ("aiokafka", "faust")


def run(*, host: str, behaviour: Path | None, data: Path | None, log: str | None, as_json: bool) -> int:
    if host not in HOSTS:
        raise UsageError(f"--host is {' or '.join(HOSTS)}, not {host!r}")
    settings = load_settings(data, log)
    if behaviour:
        settings.behaviour = behaviour
    if settings.log.kafka() is None:
        raise UsageError(
            "the embedded log is owned by the process that answers a call; workers own a log on Kafka: "
            "--log kafka://HOST:PORT, or LEDGERLINE_LOG__URL"
        )
    uvloop.run(_work(settings, host, as_json))
    return 0


async def _work(settings: Settings, host_name: str, as_json: bool) -> None:
    from console.kafka_workspace import KafkaWorkspace
    from console.workspace import open_workspace
    from streams.watchdog import Watchdog

    async with open_workspace(settings, warm=True) as workspace:
        assert isinstance(workspace, KafkaWorkspace), "only a log on Kafka has workers"
        agent, _ = await open_agent(settings, load(settings.behaviour), workspace, VendorTrouble())
        host = workspace.worker(host_name, make_mind(workspace.behaviour_of, workspace.keys), agent.effects)
        spare_what_is_loaded()
        try:
            async with host, Watchdog(host.progress):
                _tell(host.worker_id, host.owned, as_json)
                await _until_stopped(host.failed())
        finally:
            await agent.model.close()


def _tell(worker_id: str, owned: frozenset[int], as_json: bool) -> None:
    partitions = sorted(owned)
    if as_json:
        print_json({"worker": worker_id, "pid": os.getpid(), "partitions": partitions})
    else:
        share = ", ".join(map(str, partitions)) or "none yet: it stands by"
        print(f"{worker_id} owns partitions {share}. Ctrl-C, or SIGTERM to {os.getpid()}, hands them over.", flush=True)
    sys.stdout.flush()


async def _until_stopped(failed: Coroutine[Any, Any, None]) -> None:
    """Raises what keeps the host from going on."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    ends = [asyncio.create_task(failed), asyncio.create_task(stopped.wait())]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
