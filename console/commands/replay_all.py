"""``ledgerline replay --all``: recomputes every decision of every call."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from console.commands.replay import told_difference
from console.failures import UsageError
from console.judges import all_calls, each_call, open_replays
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.since import since_us
from projections.replay_all import GatheredReplays, ReplayAll

MOST_SHOWN = 10


def run(*, since: str | None, jobs: int | None, data: Path | None, log: str | None, as_json: bool) -> int:
    replayed = asyncio.run(_replay(load_settings(data, log), since, jobs))
    if as_json:
        print_json(replayed)
    else:
        tell(_told(replayed))
    return 1 if replayed.identical is False else 0


async def _replay(settings: Settings, since: str | None, jobs: int | None) -> ReplayAll:
    from_us = since_us(since) if since else None
    gathered = GatheredReplays()
    async for replayed in each_call(
        partial(open_replays, settings), await all_calls(settings), from_us, jobs, "replaying calls"
    ):
        gathered.add(replayed)
    if not gathered.calls:
        raise UsageError(f"--since {since}: no call began since then")
    return gathered.told(since)


def _told(replayed: ReplayAll) -> str:
    counted = f"{replayed.calls} calls, {replayed.decisions} decisions"
    older = f", {replayed.not_recomputable} of them not recomputable by this code" if replayed.not_recomputable else ""
    if replayed.older_code:
        older += (
            f" ({replayed.older_code} calls; this code would decide {replayed.older_code_differing} of them otherwise)"
        )
    if replayed.identical is None:
        return f"{counted}{older}: nothing could be recomputed (forgotten, or decided by other code)"
    if replayed.identical:
        return f"{counted}{older}: identical"
    shown = [
        f"{each.call_id}: {told_difference(each.first_difference)}"
        for each in replayed.differing[:MOST_SHOWN]
        if each.first_difference
    ]
    more = len(replayed.differing) - MOST_SHOWN
    rest = [f"… and {more} calls more: --json names them all"] if more > 0 else []
    return "\n".join([f"{counted}{older}: {len(replayed.differing)} calls differ", *shown, *rest])
