"""Who is asking, what tools were asked for them, and what was refused."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from agent_core.reducers.asks import asked
from agent_core.reducers.changes import Reducer, closed, mark_asked
from agent_core.reducers.late_reads import with_found
from agent_core.subject import authenticated
from agent_core.tools.base import read_result
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Happening


def _subject_authenticated(c: Conversation, event: Happening, p: f.SubjectAuthenticated) -> Conversation:
    former = c.subject
    c = replace(c, subject=authenticated(former, p, event.seq, event.accepted_at_us))
    if former is None or former.subject_id == p.subject_id:
        return c
    # Somebody else: what was said to the one before is neither repeated to them, nor shown to a model that answers them.
    c = replace(c, other_subject_seq=event.seq, transcript=(), interrupted=None, unanswered="")
    return replace(c, challenge=None)


def _tool_requested(c: Conversation, event: Happening, p: d.ToolRequested) -> Conversation:
    c = asked(c, event, p)
    if c.turn is None:
        return c
    refusals = {intent: reason for intent, reason in c.turn.refusals.items() if intent != p.intent}
    turn = replace(c.turn, refusals=refusals)
    return mark_asked(replace(c, turn=turn), turn, p.intent)


def _tool_refused(c: Conversation, event: Happening, p: d.ToolRefused) -> Conversation:
    """Also of a tool that was asked before its owner died: what is still to come of it doesn't count."""
    if c.turn is None:
        return c
    asks = {
        key: replace(ask, open=False)
        if isinstance(ask.payload, d.ToolRequested) and ask.payload.intent == p.intent and not ask.kept
        else ask
        for key, ask in c.asks.items()
    }
    return replace(c, asks=asks, turn=replace(c.turn, refusals={**c.turn.refusals, p.intent: p.reason}))


def _tool_returned(c: Conversation, event: Happening, p: f.ToolReturned) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open:
        return c
    found = read_result(p.result)
    c = replace(with_found(c, ask, found), asks=closed(c.asks, p.ask_id))
    if c.turn is None or c.turn.turn_id != ask.turn_id:
        return c
    return replace(c, turn=replace(c.turn, results={**c.turn.results, p.ask_id: found}))


REDUCERS: dict[type, Reducer] = {
    f.SubjectAuthenticated: _subject_authenticated,
    f.ToolReturned: _tool_returned,
    d.ToolRequested: _tool_requested,
    d.ToolRefused: _tool_refused,
}
