"""The reducer: ``evolve(conversation, event) -> conversation``, the one fold that owner, projections and replay share.

It only remembers. What follows from an event is for the deciders; an event that arrives too late changes nothing. What
each event changes stands in ``agent_core/reducers/``, by what it is about.
"""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from agent_core.reducers import (
    asks,
    call,
    candidates,
    hedging,
    history,
    late_reads,
    proving,
    release,
    speech,
    spending,
    subject,
    turn,
    writing,
)
from agent_core.reducers.changes import Reducer
from schemas.base import Fact
from schemas.event import Happening
from schemas.facts import SubjectAuthenticated

_PARTS = (
    call.REDUCERS,
    turn.REDUCERS,
    asks.REDUCERS,
    hedging.REDUCERS,
    subject.REDUCERS,
    candidates.REDUCERS,
    release.REDUCERS,
    speech.REDUCERS,
    proving.REDUCERS,
    writing.REDUCERS,
    late_reads.REDUCERS,
    history.REDUCERS,
)
_REDUCERS: dict[type, Reducer] = {kind: reducer for part in _PARTS for kind, reducer in part.items()}


def evolve(conversation: Conversation, event: Happening) -> Conversation:
    """The conversation after ``event``. Pure; unknown and late events only move ``seq``."""
    payload = event.payload
    conversation = replace(conversation, seq=event.seq, accepted_at_us=event.accepted_at_us)
    if isinstance(payload, Fact) and payload.SUPERSEDES:
        conversation = replace(conversation, last_caller_seq=event.seq)
        if not isinstance(payload, SubjectAuthenticated):  # who signs in may be silent all the same
            timers = {key: t for key, t in conversation.timers.items() if t.purpose != "silence"}
            conversation = replace(conversation, timers=timers)
    if isinstance(payload, spending.COSTLY):
        conversation = spending.with_cost(conversation, payload)
    reduce = _REDUCERS.get(type(payload))
    return reduce(conversation, event, payload) if reduce else conversation
