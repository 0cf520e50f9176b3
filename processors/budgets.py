"""Decider: a turn's own deadline. The marks before it (holding, closing) are the gateway's, granted ahead."""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation
from schemas import decisions as d
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.TurnOpened, d.TurnCommitted)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    """Set when the caller's words are final; for a turn that the caller didn't cause, when it opens."""
    turn = conversation.turn
    if turn is None:
        return
    if isinstance(event.payload, d.TurnCommitted) or turn.cause != "utterance":
        due = turn.speech_ended_at_us + turn.give_up_ms * 1000
        yield d.TimerSet(timer_id=f"{turn.turn_id}.give_up", purpose="give_up", due_at_us=due)
