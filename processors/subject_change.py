"""Decider: when somebody else is authenticated, the open turn is worked on anew, for them.

What it has so far may tell them what is another's: what a tool found, and what a model said that was shown the call so
far. A reply that was chosen is at the gateway; should that refuse it, the turn is worked on anew then. A greeting, and the
question whether somebody is there, are for whoever is. The rest of what was being said, and news, ask nothing that could be
worked on anew: such a turn ends, and news are kept for whom they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation
from processors.telling import NEWS
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.SubjectAuthenticated, f.ReplyRefused, f.SpeechFailed, f.CallTaken)
_FOR_WHOEVER_IS_THERE = ("greeting", "silence")
_FOR_THE_ONE_BEFORE = ("resume", NEWS)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or turn.chosen or turn.started or not conversation.turn_is_of_another:
        return
    if turn.cause in _FOR_WHOEVER_IS_THERE:
        return
    if turn.cause in _FOR_THE_ONE_BEFORE:
        yield d.TurnEnded(outcome="superseded")
    elif turn.live:  # a question: of the caller's words, or taken up again behind the keys that proved who asks
        yield d.SpeculationDropped(speculation=turn.speculation, reason="other_subject")
        yield d.SpeculationOpened(speculation=turn.speculation + 1, question=turn.question)
