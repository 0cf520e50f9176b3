"""Decider: after a change of owner, whatever was under way is asked again."""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.OwnerChanged,)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    for ask in conversation.asks.values():
        if ask.open:
            yield d.AskRepeated(ask_id=ask.ask_id, generation=ask.generation + 1)
