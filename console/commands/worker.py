"""``ledgerline worker``: owns a share of the conversations of a log on Kafka."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import uvloop

from agent_core.behaviour_loader import load
from agent_core.conversation import Conversation
from console.agent import make_mind
from console.agent_opening import open_agent
from console.failures import UsageError
from console.garbage import spare_what_is_loaded
from console.lane import Lane, lane_of, of_lane
from console.lane_company import only_read
from console.open_files import allow_open_files
from console.output import print_json
from console.settings import Settings, load_settings
from console.signed_in import open_company
from console.stopping import until_stopped
from console.vendor_trouble import VendorTrouble
from console.workspace import Workspace
from streams.clock import wall_clock_us
from streams.lanes import HeldTimers, LaneEffects, LaneFacts, LateTimers, NoEffects
from streams.mind import Effects, Mind
from streams.partitioner import partition_of

HOSTS = ("aiokafka", "faust")


def run(
    *,
    host: str,
    behaviour: Path | None,
    lane: str | None,
    facts: str | None,
    effects: str | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    if host not in HOSTS:
        raise UsageError(f"--host is {' or '.join(HOSTS)}, not {host!r}")
    settings = load_settings(data, log)
    if behaviour:
        settings.behaviour = behaviour
    kafka = settings.log.kafka()
    if kafka is None:
        raise UsageError(
            "the embedded log is owned by the process that answers a call; workers own a log on Kafka: "
            "--log kafka://HOST:PORT, or LEDGERLINE_LOG__URL"
        )
    if lane is None and (facts or effects):
        raise UsageError("--facts and --effects are a lane's: name it with --lane")
    allow_open_files(kafka.partitions)
    uvloop.run(_work(settings, host, None if lane is None else lane_of(lane, facts, effects), as_json))
    return 0


async def _work(settings: Settings, host_name: str, lane: Lane | None, as_json: bool) -> None:
    from console.kafka_workspace import KafkaWorkspace
    from console.lane_feed import live_facts
    from console.workspace import open_workspace
    from streams.watchdog import Watchdog

    own = of_lane(settings, lane.name, lane.effects) if lane else settings
    async with open_workspace(own, warm=True) as workspace, AsyncExitStack() as stack:
        assert isinstance(workspace, KafkaWorkspace), "only a log on Kafka has workers"
        mind: Mind[Conversation] = make_mind(workspace.behaviour_of, workspace.keys)
        if lane and lane.takes_outcomes:
            mind = LateTimers(mind)
        caught_up: set[int] = set()
        if lane and lane.facts is LaneFacts.LIVE:
            partitions = workspace.url.partitions
            mind = HeldTimers(mind, lambda call: partition_of(call.id, partitions) not in caught_up, wall_clock_us)
        host = workspace.worker(host_name, mind, await effects_of(own, lane, workspace, stack))
        spare_what_is_loaded()
        async with host, Watchdog(host.progress):
            ends = [host.failed()]
            if lane and lane.facts is LaneFacts.LIVE:
                fed = live_facts(settings, lane, workspace, lambda: host.owned, caught_up)
                ends.append(await stack.enter_async_context(fed))
            told = partial(_tell, host.worker_id, host.owned, own.log.url if lane else None, as_json)
            await until_stopped(ends, told)


async def effects_of(
    settings: Settings, lane: Lane | None, workspace: Workspace, stack: AsyncExitStack
) -> Callable[[], Effects[Conversation]]:
    if lane and lane.effects is LaneEffects.OFF:
        return NoEffects
    real = lane is None or lane.effects is LaneEffects.ON  # who simulates doesn't even know the company's systems
    tools = settings.tools if real else settings.tools.model_copy(update={"company_url": None})
    company = open_company(settings.model_copy(update={"tools": tools}))
    if company:
        stack.push_async_callback(company.close)
        if lane and tools.company_url:
            company = only_read(company)
    agent, _ = await open_agent(settings, load(settings.behaviour), workspace, VendorTrouble(), company)
    stack.push_async_callback(agent.model.close)
    return agent.effects


def _tell(worker_id: str, owned: frozenset[int], lane_log: str | None, as_json: bool) -> None:
    """``lane_log``: the address of a lane's log, by which every command finds it."""
    partitions = sorted(owned)
    if as_json:
        print_json({"worker": worker_id, "pid": os.getpid(), "partitions": partitions, "lane_log": lane_log})
    else:
        if lane_log:
            print(f"This lane's log: --log '{lane_log}'")
        share = ", ".join(map(str, partitions)) or "none yet: it stands by"
        print(f"{worker_id} owns partitions {share}. Ctrl-C, or SIGTERM to {os.getpid()}, hands them over.", flush=True)
    sys.stdout.flush()
