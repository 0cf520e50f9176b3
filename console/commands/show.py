"""``ledgerline show``: one call from its events alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.failures import tell_damage
from console.find_call import find_call
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.show_history import history_lines, is_history
from console.workspace import open_workspace
from projections.call_report import report_call
from projections.effective_log import conversation_events
from schemas.event import Event


def run(*, call_id: str, events: bool, data: Path | None, log: str | None, as_json: bool) -> int:
    found, recording = asyncio.run(_events(load_settings(data, log), call_id))
    if as_json:
        print_json(report_call(found, recording=str(recording) if recording.exists() else None))
        return 0
    if is_history(found) and not events:
        tell("\n".join(history_lines(found)))
        return 0
    from rich.console import Console

    from console.show import event_lines, render_call

    if events:
        tell("\n".join(event_lines(found)))
    else:
        Console().print(render_call(found))
    return 0


async def _events(settings: Settings, wanted: str) -> tuple[list[Event], Path]:
    async with open_workspace(settings, create=False) as workspace:
        call_id = await find_call(workspace, wanted)
        await workspace.codec.prepare([call_id])
        events = await conversation_events(workspace.stores.ledger, workspace.codec, call_id, tell_damage)
        return events, workspace.recordings / f"{call_id}.wav"
