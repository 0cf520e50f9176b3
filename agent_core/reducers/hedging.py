"""Attempts that start later than their ask, what is known of the models' pace, and the end of a turn's money."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from agent_core.reducers.asks import asked
from agent_core.reducers.changes import Reducer, closed
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Happening
from schemas.models import PaceKnown


def _attempt_asked(c: Conversation, event: Happening, p: d.AttemptAsked) -> Conversation:
    """Opens the ask again where every attempt before this one came to nothing."""
    ask = c.asks.get(p.ask_id)
    if ask is None:
        return c
    again = replace(
        ask,
        attempts=p.attempt + 1,
        at_once=p.attempt + 1 if p.reason == "at_once" else ask.at_once,
        progress_at_us=event.accepted_at_us,
        open=True,
    )
    turn = c.turn
    if turn and not ask.open and isinstance(ask.payload, d.ClassificationAsked):
        turn = replace(turn, scores=None)
    return replace(c, asks={**c.asks, p.ask_id: again}, turn=turn)


def _pace_known(c: Conversation, event: Happening, p: PaceKnown) -> Conversation:
    if p.ask_id not in c.asks or not c.asks[p.ask_id].open or c.turn is None:
        return c
    return replace(c, turn=replace(c.turn, paces=p.paces), asks=closed(c.asks, p.ask_id))


def _sentence_returned(c: Conversation, event: Happening, p: f.SentenceReturned) -> Conversation:
    """Progress: a whole sentence, which could be spoken. Tokens and keep-alives come to nobody's ears and to no event."""
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open:
        return c
    return replace(c, asks={**c.asks, p.ask_id: replace(ask, progress_at_us=event.accepted_at_us, spoke=True)})


def _spending_stopped(c: Conversation, event: Happening, p: d.SpendingStopped) -> Conversation:
    return replace(c, turn=replace(c.turn, spending_stopped=True)) if c.turn else c


REDUCERS: dict[type, Reducer] = {
    d.AttemptAsked: _attempt_asked,
    d.PaceAsked: asked,
    d.SpendingStopped: _spending_stopped,
    PaceKnown: _pace_known,
    f.SentenceReturned: _sentence_returned,
}
