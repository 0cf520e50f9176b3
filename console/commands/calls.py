"""``ledgerline calls``: the calls on the log, newest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.failures import tell_damage
from console.output import print_json, table
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from projections.calls import CallSummary, list_calls


def run(*, data: Path | None, log: str | None, as_json: bool) -> int:
    calls = asyncio.run(_calls(load_settings(data, log)))
    if as_json:
        print_json(calls)
        return 0
    rows = [
        (call.call_id, call.started_at, call.status or "", call.turns, call.outcome or "", f"{call.duration_s:.0f} s")
        for call in calls
    ]
    table(("call", "started", "status", "turns", "outcome", "length"), rows)
    return 0


async def _calls(settings: Settings) -> list[CallSummary]:
    async with open_workspace(settings, create=False) as workspace:
        await workspace.bring_keys()
        return await list_calls(workspace.stores.ledger, workspace.codec, tell_damage)
