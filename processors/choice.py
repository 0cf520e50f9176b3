"""Decider: chooses what is said. First acceptable candidate for what the caller is found to have asked.

Nothing is chosen before the caller's words are final, while the caller speaks, or for a gateway that isn't the current
one. A reply that the gateway refused is chosen again as soon as nothing stands against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent_core.conversation import Caller, Candidate, Conversation, Fate, Turn
from agent_core.targets import target_of
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (
    f.CallTaken,
    f.ScoresReturned,
    f.EffectFailed,
    f.CallerSpeechDismissed,
    f.ReplyRefused,
    f.TimerFired,
    f.SpeechFailed,
    d.TurnCommitted,
    d.VerdictIssued,
    d.CandidateAccepted,
    d.CandidateDropped,
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or turn.chosen or turn.started or not turn.committed or not turn.live:
        return
    if conversation.caller is not Caller.SILENT or conversation.granted_take != conversation.take:
        return
    candidate = _acceptable(conversation, turn)
    if candidate is None:
        return
    yield _ending(conversation, candidate)
    for other in turn.candidates.values():
        if other.whole_id != candidate.whole_id and other.fate is not Fate.DROPPED:
            yield d.CandidateDropped(candidate_id=other.candidate_id, reason=_why_not(other, candidate))


def _why_not(other: Candidate, chosen: Candidate) -> str:
    if other.speculation != chosen.speculation:
        return "superseded"
    return "slower" if other.intent == chosen.intent else "irrelevant"


def _acceptable(conversation: Conversation, turn: Turn) -> Candidate | None:
    """Of a reply that is released by sentence, its first sentence stands for it."""
    accepted = [
        c
        for c in turn.candidates.values()
        if c.fate is Fate.ACCEPTED and c.speculation == turn.speculation and not c.sentence
    ]
    if turn.speculation == 0:  # the agent's own turn: it has one thing to say
        return next(iter(accepted), None)
    target = target_of(conversation)
    for candidate in accepted:
        if target and candidate.action == target.action and candidate.intent == target.intent:
            return candidate
    return next((c for c in accepted if c.action == "fallback"), None)


def _ending(conversation: Conversation, candidate: Candidate) -> d.Spoken:
    common: dict[str, Any] = {
        "candidate_id": candidate.candidate_id,
        "text": candidate.text,
        "intent": candidate.intent,
        "answers_through": conversation.last_caller_seq,
        "take": conversation.take,
    }
    if candidate.action == "escalate":
        return d.EscalationChosen(**common, reason=candidate.intent)
    if candidate.action == "close":
        return d.CloseChosen(**common, reason=candidate.intent)
    return d.ReplyChosen(**common, action=candidate.action, more=candidate.more)
