"""Reads that go on when their turn is over: what they find, and that the caller was told."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Ask, Conversation
from agent_core.late_reads import LateRead
from agent_core.reducers.changes import Reducer
from schemas import decisions as d
from schemas import reads as r
from schemas.event import Happening


def _kept(c: Conversation, event: Happening, p: r.ReadKept) -> Conversation:
    first = c.asks.get(p.read_id)
    if c.subject is None or first is None or not isinstance(first.payload, d.ToolRequested):
        return c
    found: dict[str, str] = {}
    for ask in c.asks.values():
        if c.turn and isinstance(ask.payload, d.ToolRequested) and ask.payload.intent == p.intent:
            found |= c.turn.results.get(ask.ask_id, {})
    asks = {key: replace(ask, kept=True) if key in p.waits_for else ask for key, ask in c.asks.items()}
    subject_id, arguments = c.subject.subject_id, first.payload.arguments
    read = LateRead(p.read_id, p.intent, subject_id, arguments, frozenset(p.waits_for), found)
    return replace(c, asks=asks, late_reads={**c.late_reads, p.read_id: read})


def _told(c: Conversation, event: Happening, p: r.ReadTold) -> Conversation:
    read = c.late_reads.get(p.read_id)
    if read is None:
        return c
    return _with(c, replace(read, told_by=p.candidate_id, tellings=read.tellings + 1))


def with_found(c: Conversation, ask: Ask, found: dict[str, str]) -> Conversation:
    read = _of(c, ask)
    if read is None:
        return c
    return _with(c, replace(read, waits_for=read.waits_for - {ask.ask_id}, found={**read.found, **found}))


def with_failed(c: Conversation, ask: Ask) -> Conversation:
    read = _of(c, ask)
    return _with(c, replace(read, waits_for=read.waits_for - {ask.ask_id}, failed=True)) if read else c


def _of(c: Conversation, ask: Ask) -> LateRead | None:
    return next((read for read in c.late_reads.values() if ask.ask_id in read.waits_for), None)


def _with(c: Conversation, read: LateRead) -> Conversation:
    return replace(c, late_reads={**c.late_reads, read.read_id: read})


REDUCERS: dict[type, Reducer] = {
    r.ReadKept: _kept,
    r.ReadTold: _told,
}
