"""A bank whose systems find things when the turn has gone on without them, and whose agent has words for that.

Its turns give up, and end, sooner than its tools do: what a tool finds comes before the first mark, behind it, while the
caller is told that it takes longer, while nobody speaks, in the caller's next turn, behind the closing line, or never.
"""

from __future__ import annotations

import random

from agent_core.behaviour import Behaviour
from agent_core.conversation import Conversation

INTENT = "card"
PENDING = "That takes a little longer, and I will tell you."
LATE = "About your card, it {progress}."
FAILED = "I could not find out where your card is."
_SOON = {"hold_marks_ms": (400,), "give_up_ms": 1200, "hard_ms": 2000}
_AT_ONCE_S = 0.15
_TAKES_S = (_AT_ONCE_S, 0.6, 1.0, 1.3, 1.5, 1.7)


def with_late_reads(behaviour: Behaviour) -> Behaviour:
    words = {"pending": PENDING, "late": LATE, "failed": FAILED}
    intents = tuple(i.model_copy(update=words) if i.name == INTENT else i for i in behaviour.intents)
    return behaviour.model_copy(update={"intents": intents, "budget": behaviour.budget.model_copy(update=_SOON)})


def median_s(conversation: Conversation, draw: random.Random) -> float:
    """How long the bank's systems mostly take for what a tool reads."""
    intent = conversation.behaviour.intent(INTENT)
    return draw.choice(_TAKES_S) if intent and intent.late else _AT_ONCE_S
