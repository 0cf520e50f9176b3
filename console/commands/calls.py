"""``ledgerline calls``: the calls on the log, newest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.failures import tell_damage
from console.output import print_json, table
from console.settings import load_settings
from console.workspace import Workspace
from projections.calls import list_calls


def run(*, data: Path | None, as_json: bool) -> int:
    workspace = Workspace(load_settings(data).data, create=False)
    calls = asyncio.run(list_calls(workspace.ledger, workspace.codec, tell_damage))
    workspace.close()
    if as_json:
        print_json(calls)
        return 0
    rows = [
        (call.call_id, call.started_at, call.status, call.turns, call.outcome or "", f"{call.duration_s:.0f} s")
        for call in calls
    ]
    table(("call", "started", "status", "turns", "outcome", "length"), rows)
    return 0
