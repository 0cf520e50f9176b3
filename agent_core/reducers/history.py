"""Conversations of other systems, and conversations that were forgotten: both are over, and no decider looks at them."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation, Line, Status
from agent_core.reducers.changes import Reducer
from schemas import custody, history
from schemas.event import Happening

_SPOKEN_BY = ("caller", "agent")


def _conversation_imported(c: Conversation, event: Happening, p: history.ConversationImported) -> Conversation:
    return replace(c, status=Status.CLOSED, answered=True)


def _message_imported(c: Conversation, event: Happening, p: history.MessageImported) -> Conversation:
    if p.role not in _SPOKEN_BY:
        return c
    return replace(c, transcript=(*c.transcript, Line(p.role, p.text, event.turn_id or "", event.seq)))


def _conversation_forgotten(c: Conversation, event: Happening, p: custody.ConversationForgotten) -> Conversation:
    """Nothing readable stays in memory or goes into a snapshot; what was open is nobody's business any more."""
    return replace(
        c,
        status=Status.CLOSED,
        turn=None,
        asks={},
        timers={},
        transcript=(),
        interrupted=None,
        unanswered="",
        subject=None,
    )


REDUCERS: dict[type, Reducer] = {
    history.ConversationImported: _conversation_imported,
    history.MessageImported: _message_imported,
    custody.ConversationForgotten: _conversation_forgotten,
}
