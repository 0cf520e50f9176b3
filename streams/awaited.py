"""Which steps somebody outside the owner waits for.

Those that nobody waits for may reach the log a little later, together with the next one that somebody does: each batch on
its own costs brokers, the owner and every follower an answer, while a caller's turn wants the CPU. The order is the same
either way, a step is whole either way, and what wasn't on the log when its owner died is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from schemas.models import PaceKnown

# Types that nobody waits for; of any other, a new one too, somebody may. A gateway waits for whatever it prepares, says or
# stops by, a guest for what it is asked about, a tool for its request: none of them stands here. What the owner's own
# effects were asked for and what came of it is known to the owner before it is written. A turn that opens is written down
# some 50 ms before the first of its holding lines could be due a second later, and until then the standing grant holds.
NOBODY_AWAITS: frozenset[type[Payload]] = frozenset(
    {
        f.UtteranceHeard,
        d.TurnOpened,
        d.SpeculationOpened,
        d.TurnCommitted,
        d.TimerSet,
        f.TimerFired,
        d.ClassificationAsked,
        d.PassagesAsked,
        f.PassagesFound,
        d.GuardrailAsked,
        f.ScoresReturned,
        d.VerdictIssued,
        d.PaceAsked,
        PaceKnown,
        d.CompletionAsked,
        d.AttemptAsked,
        f.SentenceReturned,
        f.CompletionReturned,
        f.EffectFailed,
        f.EffectCancelled,
    }
)


def is_awaited(step: Iterable[Event]) -> bool:
    return any(type(event.payload) not in NOBODY_AWAITS for event in step)
