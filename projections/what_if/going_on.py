"""The port by which a call goes on behind its first changed reply, with a simulated caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from processors.mind import AgentMind
from projections.what_if.outcomes import RecordedOutcomes
from projections.what_if.rejudge import Answer, Rejudged
from projections.what_if.report import TurnWhatIf, WentOn
from projections.what_if.turns import RecordedTurn, Step


class Divergence(NamedTuple):
    """A call in which a reply differs. ``turns`` and ``judged``: all of its turns, and what a what-if makes of each, up to
    ``place``, whose reply is the first that differs; ``found``: how that one was judged. ``mind``: of the pinned behaviour;
    ``otherwise``: of the changed one."""

    call_id: str
    steps: Sequence[Step]
    turns: Sequence[RecordedTurn]
    judged: Sequence[TurnWhatIf]
    place: int
    found: Rejudged
    mind: AgentMind
    otherwise: AgentMind
    outcomes: RecordedOutcomes
    answer: Answer


GoOn = Callable[[Divergence], Awaitable[WentOn]]
