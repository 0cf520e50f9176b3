"""Decider: after a change of owner, whatever was under way is asked again."""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.authorisation import Refusal, authorise
from agent_core.conversation import Ask, Conversation
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.OwnerChanged,)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    for ask in conversation.asks.values():
        if ask.open:
            yield _again(conversation, ask, event.accepted_at_us)


def _again(conversation: Conversation, ask: Ask, at_us: int) -> Decision:
    """A tool only if the caller may still know what it finds: the owner may have been gone for long."""
    payload, turn = ask.payload, conversation.turn
    if isinstance(payload, d.ToolRequested) and turn:
        found = authorise(payload.tool, conversation.subject, turn.question, at_us)
        if isinstance(found, Refusal) and not ask.kept:
            return d.ToolRefused(intent=payload.intent, tool=payload.tool, level=payload.level, reason=found.value)
    return d.AskRepeated(ask_id=ask.ask_id, generation=ask.generation + 1)
