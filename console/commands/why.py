"""``ledgerline why``: what may have caused how a turn went, and the turn in words."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.call_cases import open_cases
from console.find_call import find_call
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from projections.why.why import Why, lines, why


def run(*, call_id: str, turn: str, data: Path | None, log: str | None, as_json: bool) -> int:
    found = asyncio.run(_why(load_settings(data, log), call_id, turn))
    if as_json:
        print_json(found)
    else:
        tell("\n".join(lines(found)))
    return 0


async def _why(settings: Settings, wanted: str, turn: str) -> Why:
    async with open_workspace(settings, create=False) as workspace:
        cases = await open_cases(workspace, await find_call(workspace, wanted))
        return why(cases.case(turn))
