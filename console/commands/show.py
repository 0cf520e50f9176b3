"""``ledgerline show``: one call from its events alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.failures import tell_damage
from console.find_call import find_call
from console.output import print_json
from console.settings import load_settings
from console.workspace import Workspace
from projections.call_report import report_call
from projections.effective_log import conversation_events
from schemas.event import Event


def run(*, call_id: str, events: bool, data: Path | None, as_json: bool) -> int:
    workspace = Workspace(load_settings(data).data, create=False)
    try:
        found = asyncio.run(_events(workspace, call_id))
        if as_json:
            recording = workspace.recordings / f"{found[0].conversation_id}.wav"
            print_json(report_call(found, recording=str(recording) if recording.exists() else None))
            return 0
    finally:
        workspace.close()
    from rich.console import Console

    from console.show import event_lines, render_call

    if events:
        print("\n".join(event_lines(found)))
    else:
        Console().print(render_call(found))
    return 0


async def _events(workspace: Workspace, wanted: str) -> list[Event]:
    call_id = await find_call(workspace, wanted)
    return await conversation_events(workspace.ledger, workspace.codec, call_id, tell_damage)
