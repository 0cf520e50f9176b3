"""How a turn begins: its number, its budget, and the holding lines that the gateway may play in it."""

from __future__ import annotations

from agent_core.conversation import Conversation
from agent_core.wording import hold_plan
from schemas import decisions as d


def opened(conversation: Conversation, *, cause: str, speech_ended_at_us: int, utterance_id: str = "") -> d.TurnOpened:
    """``cause``: as in ``TurnOpened``. Only a caller who said something, or keyed it in, is held."""
    behaviour = conversation.behaviour
    marks = behaviour.budget.hold_marks_ms if cause in ("utterance", "keys") else ()
    return d.TurnOpened(
        cause=cause,
        utterance_id=utterance_id,
        speech_ended_at_us=speech_ended_at_us,
        hold_marks_ms=marks,
        holding=hold_plan(behaviour.holding, len(marks), conversation.last_hold, conversation.turns),
        give_up_ms=behaviour.budget.give_up_ms,
        hard_ms=behaviour.budget.hard_ms,
    )


def next_turn_id(conversation: Conversation) -> str:
    return f"t{conversation.turns + 1}"
