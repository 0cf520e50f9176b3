"""Where a call stands for an owner that dies: what the log can tell of the line, and no more.

An owner hears nothing. A line that is held is a caller who waits, and a reply that is spoken over is a reply, until a fact
says otherwise. What a tool or a sentence of a model comes to finds a turn that waits for it, or one that goes on without
it, or is over: what a call asked for is cancelled as soon as the log knows that it ended. A change outlives its call.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from simulation.crash_points import AWAITED, SELDOM
from simulation.line import LineState


class Stage(StrEnum):
    """Named as the states of the line that they hold."""

    RINGING = "ringing"
    QUIET = "quiet"
    CALLER_SPEAKS = "caller_speaks"
    CALLER_WAITS = "caller_waits"  # a holding line may play
    AGENT_SPEAKS = "agent_speaks"  # the caller may speak too
    GOES_ON = "goes_on"  # of changes, tools and sentences: any other in which nobody waits for them
    OVER = "over"


State = LineState | Stage
"""Of the line for a gateway, of the call for an owner."""

_STAGES = {
    LineState.RINGING: Stage.RINGING,
    LineState.QUIET: Stage.QUIET,
    LineState.CALLER_SPEAKS: Stage.CALLER_SPEAKS,
    LineState.CALLER_WAITS: Stage.CALLER_WAITS,
    LineState.AGENT_HOLDS: Stage.CALLER_WAITS,
    LineState.AGENT_SPEAKS: Stage.AGENT_SPEAKS,
    LineState.BOTH_SPEAK: Stage.AGENT_SPEAKS,
    LineState.OVER: Stage.OVER,
}
_OF_CHANGES = {
    state: Stage.GOES_ON if stage in (Stage.QUIET, Stage.CALLER_SPEAKS, Stage.AGENT_SPEAKS) else stage
    for state, stage in _STAGES.items()
}
_OF_OUTCOMES = {state: Stage.GOES_ON if stage is Stage.OVER else stage for state, stage in _OF_CHANGES.items()}


@cache
def stages_at(point: str) -> Mapping[LineState, Stage]:
    """``point``: of an owner, where it stands."""
    if point.startswith(AWAITED):
        return _OF_OUTCOMES
    return _OF_CHANGES if point.startswith(SELDOM) else _STAGES
