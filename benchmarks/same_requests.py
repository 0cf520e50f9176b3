"""Sides that are compared must ask the same: one turn of each is looked at, request by request.

A slow side may decide before its last calls have begun; what it asks must be asked by the other too.
"""

from __future__ import annotations

from agent_core.ports import CompletionRequest
from benchmarks.race_behaviour import CALLS_A_TURN
from benchmarks.race_side import Side
from benchmarks.race_turns import turns
from benchmarks.watched_model import WatchedModel


class OtherRequestsError(Exception):
    """Two sides asked for different things in the same turn."""


async def same_requests(model: WatchedModel, first: Side, other: Side) -> str:
    """What a report says of it. Raises ``OtherRequestsError``."""
    one, two = await _asked(model, first), await _asked(model, other)
    different = [label for label, request in two.items() if one.get(label) != request]
    if different or len(one) != CALLS_A_TURN:
        raise OtherRequestsError(f"{first.name} asked {len(one)} times; of {other.name} differ: {different}")
    return f"{len(two)} of {len(one)} equal"


async def _asked(model: WatchedModel, side: Side) -> dict[str, CompletionRequest]:
    work = turns("same", 1)
    asked: list[CompletionRequest] = []
    await side.open(work)
    model.asked = asked
    await side.decide(work[0])
    await model.idle()
    model.asked = None
    await side.close(work)
    return {request.label: request for request in asked}
