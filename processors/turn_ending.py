"""Decider: every turn ends, by what was really played or by the caller leaving."""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation, Turn
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.SpeechCompleted, f.SpeechInterrupted, f.FallbackPlayed, f.CallEnded)

_OUTCOMES = {"tool": "tool", "write": "tool", "escalate": "escalation", "close": "close", "fallback": "fallback"}


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if isinstance(payload, f.SpeechCompleted | f.SpeechInterrupted):
        if turn and turn.chosen == payload.candidate_id:
            interrupted = isinstance(payload, f.SpeechInterrupted)
            yield d.TurnEnded(outcome=outcome_of(turn), candidate_id=payload.candidate_id, interrupted=interrupted)
    elif isinstance(payload, f.FallbackPlayed):
        if turn and (
            turn.utterance_id == payload.utterance_id if payload.utterance_id else turn.turn_id == event.turn_id
        ):
            yield d.TurnEnded(outcome="fallback")
    elif isinstance(payload, f.CallEnded):
        if turn:
            yield d.TurnEnded(
                outcome=outcome_of(turn) if turn.started else "abandoned", candidate_id=turn.started or ""
            )
        yield d.ConversationClosed(reason=payload.reason)


def outcome_of(turn: Turn) -> str:
    """The outcome of a turn whose chosen candidate is being said or was."""
    candidate = turn.candidates.get(turn.chosen or "")
    return _OUTCOMES.get(candidate.action, "reply") if candidate else "superseded"
