"""What a turn's models have cost so far."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from schemas import facts as f
from schemas.event import Happening

Costly = f.CompletionReturned | f.ScoresReturned | f.EffectFailed | f.EffectCancelled
COSTLY = (f.CompletionReturned, f.ScoresReturned, f.EffectFailed, f.EffectCancelled)


def with_cost(c: Conversation, event: Happening, p: Costly) -> Conversation:
    """A loser's cost counts too, for the turn that asked. What isn't known adds nothing, what is known beside it does."""
    cost_micros = p.known_micros if p.cost_micros is None else p.cost_micros
    if cost_micros is None or c.turn is None or p.ask_id not in c.asks:
        return c
    return replace(c, turn=replace(c.turn, spent_micros=c.turn.spent_micros + cost_micros))
