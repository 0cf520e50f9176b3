"""``ledgerline replay``: recompute every decision of a call from its facts, and compare."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from console.failures import tell_damage
from console.find_call import find_call
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from processors.deciders import cascade
from projections.recompute import Difference, OtherCode, Recomputer, Replay, Shown, replay
from projections.recorded_behaviour import recorded_behaviours


def run(*, call_id: str, data: Path | None, log: str | None, as_json: bool) -> int:
    replayed = asyncio.run(_replay(load_settings(data, log), call_id))
    if as_json:
        print_json(replayed)
    else:
        tell(_told(replayed))
    return 1 if replayed.identical is False else 0


async def _replay(settings: Settings, wanted: str) -> Replay:
    async with open_workspace(settings, create=False) as workspace:
        call_id = await find_call(workspace, wanted)
        await workspace.codec.prepare([call_id])
        recomputer = Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys)
        found = await replay(workspace.stores.ledger, workspace.codec, recomputer, call_id, tell_damage)
    assert found is not None, "find_call names calls that are on the log"
    return found


def _told(replayed: Replay) -> str:
    counted = f"{replayed.call_id}: {replayed.events} events, {replayed.decisions} decisions"
    older = f", {replayed.not_recomputable} of them not recomputable by this code" if replayed.not_recomputable else ""
    if replayed.identical is None and replayed.other_code is None:
        return f"{counted}{older}: nothing could be recomputed (forgotten, or imported)"
    if replayed.identical is not False:
        verdict = "identical" if replayed.identical else "decided by older code"
        return f"{counted}{older}: {verdict}{_other_code(replayed.other_code)}"
    difference = replayed.first_difference
    assert difference is not None
    return f"{counted}{older}: different\n{told_difference(difference)}{_other_code(replayed.other_code)}"


def _other_code(other: OtherCode | None) -> str:
    if other is None:
        return ""
    versions = f"deciders {', '.join(other.versions)} decided {other.steps} steps"
    if other.first_difference is None:
        return f"\n{versions}; this code would decide all of them alike"
    sides = told_sides(("decided then", other.first_difference.found), ("this code", other.first_difference.expected))
    at = f"first at seq {other.first_difference.seq}: {other.first_difference.reason}"
    return f"\n{versions}; this code would decide {other.differing} of them otherwise, {at}\n{sides}"


def told_difference(difference: Difference) -> str:
    sides = told_sides(("on the log", difference.found), ("recomputed", difference.expected))
    where = "a record that can't be read" if difference.seq is None else f"seq {difference.seq}"
    return f"first difference at {where}: {difference.reason}\n{sides}"


def told_sides(*sides: tuple[str, Shown | None]) -> str:
    return "\n".join(
        f"  {side}: {shown.type} {msgspec.json.encode(shown.payload).decode()}" if shown else f"  {side}: nothing"
        for side, shown in sides
    )
