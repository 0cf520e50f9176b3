"""Decider: a caller who needs a higher level is asked for a proof, if behaviour has one for them.

Only once their words are final: a message goes out. What they wanted is kept, and taken up again by
``processors/proving.py``. Who wants it again, or something else that needs the same proof, is reminded: the code that was
sent serves their newest wish. One that is too old is sent anew, as often as behaviour allows.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.authorisation import required_level
from agent_core.conversation import Conversation, Turn
from agent_core.guardrails._numbers import digit_runs
from agent_core.proofs import Challenge, Means, ProofMethod, Proofs, method_for
from agent_core.targets import target_of
from processors.candidates import formed
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.ToolRefused, d.TurnCommitted, p.ProofRefused, p.CodeSent, f.EffectFailed)
CHALLENGE = "challenge"


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn, proofs, payload = conversation.turn, conversation.behaviour.proofs, event.payload
    if turn is None or proofs is None or not turn.live or not turn.committed or turn.chosen:
        return
    if isinstance(payload, p.CodeSent | f.EffectFailed):
        yield from _sent_or_not(conversation, turn, proofs, payload)
    elif isinstance(payload, p.ProofRefused):
        if payload.reason == "expired" and turn.errand:
            yield from _open(conversation, turn, proofs, turn.errand.intent, event.accepted_at_us)
    elif not turn.errand and (target := target_of(conversation)) and target.action == CHALLENGE:
        yield from _open(conversation, turn, proofs, target.intent, event.accepted_at_us)


def _open(conversation: Conversation, turn: Turn, proofs: Proofs, intent: str, at_us: int) -> Iterator[Decision]:
    if _is_said(turn) or any(ask.open and isinstance(ask.payload, p.CodeAsked) for ask in conversation.asks.values()):
        return
    found = conversation.behaviour.intent(intent)
    level = required_level(found.tool) if found and found.tool else None
    method = method_for(proofs, conversation.subject, level, at_us) if level else None
    if method is None or level is None:
        return
    former = conversation.challenge
    if former and former.method == method.name and is_given_in_time(former, method, at_us):
        wish = _newest_wish(former, intent, turn.question)
        if (intent, wish) != (
            former.intent,
            former.question,
        ):  # under the same id: the code that was sent counts for it
            yield p.ChallengeOpened(
                challenge_id=former.challenge_id,
                method=method.name,
                level=method.gives.value,
                intent=intent,
                question=wish,
            )
        yield formed(conversation, turn.turn_id, CHALLENGE, intent, method.ask)
        return
    challenge_id = f"{turn.turn_id}.proof{conversation.challenges + 1}"
    question = former.question if former and former.intent == intent and turn.errand else turn.question
    yield p.ChallengeOpened(
        challenge_id=challenge_id, method=method.name, level=method.gives.value, intent=intent, question=question
    )
    if method.means is not Means.CODE:
        yield formed(conversation, turn.turn_id, CHALLENGE, intent, method.ask)
    elif conversation.codes_asked < proofs.most_codes:
        yield p.CodeAsked(
            ask_id=f"{challenge_id}.code", challenge_id=challenge_id, method=method.name, timeout_ms=proofs.timeout_ms
        )
    else:
        yield formed(conversation, turn.turn_id, CHALLENGE, intent, proofs.unavailable)


def _newest_wish(former: Challenge, intent: str, question: str) -> str:
    """What is taken up again after the proof. "Just block it, please" doesn't take the place of words that say which card."""
    less = former.intent == intent and digit_runs(former.question) and not digit_runs(question)
    return former.question if less else question


def is_given_in_time(challenge: Challenge, method: ProofMethod, at_us: int) -> bool:
    """A code must have been sent, and lately; knowledge doesn't age."""
    if method.means is not Means.CODE:
        return True
    return bool(challenge.code_digest) and at_us < challenge.sent_at_us + method.valid_ms * 1000


def _sent_or_not(
    conversation: Conversation, turn: Turn, proofs: Proofs, payload: p.CodeSent | f.EffectFailed
) -> Iterator[Decision]:
    ask, challenge = conversation.asks.get(payload.ask_id), conversation.challenge
    if ask is None or challenge is None or not isinstance(ask.payload, p.CodeAsked) or _is_said(turn):
        return
    method = proofs.method(challenge.method)
    if ask.payload.challenge_id != challenge.challenge_id or method is None:
        return
    words = method.ask if isinstance(payload, p.CodeSent) else proofs.unavailable
    yield formed(conversation, turn.turn_id, CHALLENGE, challenge.intent, words)


def _is_said(turn: Turn) -> bool:
    return any(c.action == CHALLENGE and c.speculation == turn.speculation for c in turn.candidates.values())
