"""The reducer: ``evolve(conversation, event) -> conversation``, the one fold that owner, projections and replay share.

It only remembers. What follows from an event is for the deciders; an event that arrives too late changes nothing. What
each event changes stands in ``agent_core/reducers/``, by what it is about.
"""

from __future__ import annotations

from functools import cache

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
from schemas.base import Fact, Payload
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
    for change in _changes_by(type(payload)):
        conversation = change(conversation, event, payload)
    return conversation


@cache
def _changes_by(kind: type[Payload]) -> tuple[Reducer, ...]:
    """What events of this type change, in order. Found once a type: to ask for each event what classes it is of took a sixth
    of the reducer's time."""
    changes: list[Reducer] = []
    if issubclass(kind, Fact) and kind.SUPERSEDES:
        # Who signs in may be silent all the same.
        changes.append(_caller_superseded if issubclass(kind, SubjectAuthenticated) else _caller_heard)
    if issubclass(kind, spending.COSTLY):
        changes.append(spending.with_cost)
    if kind in _REDUCERS:
        changes.append(_REDUCERS[kind])
    return tuple(changes)


def _caller_superseded(c: Conversation, event: Happening, p: Fact) -> Conversation:
    return replace(c, last_caller_seq=event.seq)


def _caller_heard(c: Conversation, event: Happening, p: Fact) -> Conversation:
    timers = {key: t for key, t in c.timers.items() if t.purpose != "silence"}
    return replace(c, last_caller_seq=event.seq, timers=timers)
