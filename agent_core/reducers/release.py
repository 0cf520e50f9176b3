"""A reply that is released sentence by sentence: how far it goes, and where it was cut."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from agent_core.reducers.changes import Reducer, with_asks_closed, with_candidate
from schemas import decisions as d
from schemas.event import Happening


def _sentence_released(c: Conversation, event: Happening, p: d.SentenceReleased) -> Conversation:
    chosen = c.turn.candidates.get(p.candidate_id) if c.turn else None
    if c.turn is None or chosen is None:
        return c
    text = f"{chosen.text} {p.text}"
    c = with_candidate(c, c.turn, replace(chosen, text=text, said_in=chosen.said_in + 1, more=not p.last))
    return with_asks_closed(c) if p.last else c


def _reply_cut(c: Conversation, event: Happening, p: d.ReplyCut) -> Conversation:
    """A step of a procedure that was said in part wasn't said."""
    chosen = c.turn.candidates.get(p.candidate_id) if c.turn else None
    if c.turn is None or chosen is None:
        return c
    text = f"{chosen.text} {p.repair}".strip()
    return with_asks_closed(with_candidate(c, c.turn, replace(chosen, text=text, more=False, step_id="")))


REDUCERS: dict[type, Reducer] = {
    d.SentenceReleased: _sentence_released,
    d.ReplyCut: _reply_cut,
}
