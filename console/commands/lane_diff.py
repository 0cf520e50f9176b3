"""``ledgerline replay --lane``: what a lane decided otherwise than the log that it runs beside."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.commands.replay import told_sides
from console.failures import UsageError, tell_damage
from console.find_call import find_call
from console.lane import of_lane
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.workspace import NoLogError, open_workspace
from projections.lane_diff import LaneComparison, LaneDiff

MOST_SHOWN = 5
_REASONS = {"missing": "only the lane decides it", "unexpected": "only production decides it"}


def run(*, lane: str, call_id: str | None, data: Path | None, log: str | None, as_json: bool) -> int:
    compared = asyncio.run(_compare(load_settings(data, log), lane, call_id))
    if as_json:
        print_json(compared)
    else:
        tell(_told(compared))
    return 1 if compared.identical is False else 0


async def _compare(settings: Settings, name: str, wanted: str | None) -> LaneDiff:
    lane_settings = of_lane(settings, name)
    try:
        async with (
            open_workspace(settings, create=False) as production,
            open_workspace(lane_settings, create=False) as lane,
        ):
            known = await lane.conversations()
            if wanted is not None:
                known = [await find_call(lane, wanted)]
            await production.codec.prepare(known)
            comparison = LaneComparison(production.stores.ledger, lane.stores.ledger, production.codec, tell_damage)
            for conversation_id in known:
                await comparison.take(conversation_id)
            return comparison.told(name)
    except NoLogError as error:
        raise UsageError(f"{error}; a lane's topics are made by ledgerline worker --lane {name}") from None


def _told(compared: LaneDiff) -> str:
    lines = [
        f"lane {compared.lane}: {compared.conversations} conversations, {compared.decisions} decisions compared in "
        f"{compared.steps} steps"
    ]
    if compared.only_production or compared.only_lane:
        lines.append(
            f"facts that only production holds: {compared.only_production}; only the lane: {compared.only_lane}"
        )
    if compared.identical is None:
        return "\n".join([*lines, "nothing was compared: the lane holds no fact of production yet"])
    if compared.identical:
        return "\n".join([*lines, "identical"])
    lines.append(f"{len(compared.differences)} conversations differ")
    for each in compared.differences[:MOST_SHOWN]:
        difference = each.difference
        changed = " (an owner changed meanwhile)" if each.owner_changed else ""
        reason = _REASONS.get(difference.reason, difference.reason)
        lines.append(f"{each.conversation_id}, from seq {difference.seq} on: {reason}{changed}")
        lines.append(told_sides(("in production", difference.found), ("in the lane", difference.expected)))
    if compared.differences[MOST_SHOWN:]:
        lines.append(f"and {len(compared.differences) - MOST_SHOWN} more (--json has them all)")
    return "\n".join(lines)
