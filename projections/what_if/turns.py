"""A recorded call, turn by turn: the steps of each turn, and the conversation as it stood before the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agent_core.conversation import Conversation
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event

Step = Sequence[Event]


class RecordedTurn(NamedTuple):
    """``before``: the fold of the recorded log before its first step. ``steps``: from the one in which it was opened to
    the one in which it was ended, or to the log's end."""

    turn_id: str
    opened: d.TurnOpened
    seq: int
    before: Conversation
    steps: tuple[Step, ...]

    def is_closed_by(self, played: f.FallbackPlayed, turn_id: str | None) -> bool:
        """Whether the closing line is this turn's; ``turn_id``: that the event names."""
        return played.utterance_id == self.opened.utterance_id if played.utterance_id else turn_id == self.turn_id


def recorded_turns(mind: AgentMind, conversation_id: str, steps: Sequence[Step]) -> Iterator[RecordedTurn]:
    """In the order in which they were opened. Raises whatever the fold raises on a damaged log."""
    conversation = mind.initial(conversation_id)
    for place, step in enumerate(steps):
        for event in step:
            if isinstance(event.payload, d.TurnOpened) and event.turn_id:
                until = _end_of(event.turn_id, steps, place)
                yield RecordedTurn(
                    event.turn_id, event.payload, event.seq, conversation, tuple(steps[place : until + 1])
                )
        for event in step:
            conversation = mind.fold(conversation, event)


def _end_of(turn_id: str, steps: Sequence[Step], start: int) -> int:
    for place in range(start, len(steps)):
        if any(isinstance(e.payload, d.TurnEnded) and e.turn_id == turn_id for e in steps[place]):
            return place
    return len(steps) - 1


def is_being_said(conversation: Conversation, turn_id: str) -> bool:
    """Whether the turn's chosen reply has sentences still to come."""
    turn = conversation.turn
    if turn is None or turn.turn_id != turn_id:
        return False
    said = turn.candidates.get(turn.chosen or "")
    return said is not None and said.more


def is_same_choice(ours: Event, then: Event) -> bool:
    """Whether two ``Spoken`` say the same, by the same name and at the same moment."""
    one, other = ours.payload, then.payload
    assert isinstance(one, d.Spoken)
    assert isinstance(other, d.Spoken)
    alike = (one.candidate_id, one.text) == (other.candidate_id, other.text) and type(one) is type(other)
    return alike and ours.accepted_at_us == then.accepted_at_us
