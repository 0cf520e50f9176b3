"""Decider: a conversation in which nothing happens any more is closed, whatever became of its gateway.

A gateway that dies without another taking over reports nothing, not even the end of the call. Each turn sets the
conversation's idle timer anew; when it fires, an open turn is abandoned and the conversation closes.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.ConversationOpened, d.TurnOpened, f.TimerFired)
IDLE = "idle"


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload = event.payload
    if isinstance(payload, f.TimerFired):
        if payload.purpose == IDLE:
            if conversation.turn:
                yield d.TurnEnded(outcome="abandoned")
            yield d.ConversationClosed(reason=IDLE)
        return
    due = event.accepted_at_us + conversation.behaviour.silence.idle_after_ms * 1000
    yield d.TimerSet(timer_id=f"{IDLE}.{conversation.turns}", purpose=IDLE, due_at_us=due)
