"""What the tools of one question found, together: they are asked at once, and the answer waits for the last of them."""

from __future__ import annotations

from agent_core.behaviour import Intent
from agent_core.conversation import Ask, Conversation, Turn
from schemas import decisions as d


def asks_of(conversation: Conversation, turn: Turn, intent: Intent) -> dict[str, Ask]:
    """By tool, as far as they were asked for the turn's newest speculation."""
    return {
        ask.payload.tool: ask
        for ask in conversation.asks.values()
        if isinstance(ask.payload, d.ToolRequested)
        and ask.payload.intent == intent.name
        and ask.turn_id == turn.turn_id
        and ask.speculation == turn.speculation
    }


def looked_up(conversation: Conversation, turn: Turn, intent: Intent) -> dict[str, str] | None:
    """None where one of them hasn't found anything yet, or won't."""
    asks = asks_of(conversation, turn, intent)
    found: dict[str, str] = {}
    for tool in intent.tools:
        result = turn.results.get(asks[tool].ask_id) if tool in asks else None
        if result is None:
            return None
        found |= result
    return found
