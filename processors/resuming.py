"""Decider: a reply that was cut off goes on where it stopped, never from the start.

After a false interruption (what sounded like the caller had no words) the rest is said. After a gateway died in
mid-sentence another one says a repair phrase first, then the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation, Interrupted
from agent_core.wording import remainder, repair_phrase, to_be_said
from processors.candidates import formed
from processors.turn_ending import outcome_of
from processors.turn_opening import next_turn_id, opened
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.CallerSpeechDismissed, f.CallTaken)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if isinstance(event.payload, f.CallerSpeechDismissed):
        if conversation.interrupted and turn is None:
            yield from _go_on(conversation, event, conversation.interrupted, "")
    elif turn and turn.started and conversation.take > 1 and conversation.take == conversation.granted_take:
        candidate = turn.candidates[turn.started]
        cut = Interrupted(to_be_said(conversation.behaviour, candidate), turn.spoken_so_far, candidate.intent)
        if conversation.turn_is_of_another:  # the rest isn't for whoever is there now
            cut = Interrupted("", "", candidate.intent)
        yield d.TurnEnded(outcome=outcome_of(turn), candidate_id=turn.started, interrupted=True)
        yield from _go_on(conversation, event, cut, repair_phrase(conversation.behaviour.holding))


def _go_on(conversation: Conversation, event: Event, cut: Interrupted, repair: str) -> Iterator[Decision]:
    rest = remainder(cut)
    text = f"{repair} {rest}".strip() if rest else repair
    if text:
        yield opened(conversation, cause="resume", speech_ended_at_us=event.accepted_at_us)
        yield formed(conversation, next_turn_id(conversation), "resume", cut.intent, text)
