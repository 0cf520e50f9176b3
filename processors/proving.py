"""Decider: judges the proof that a caller gives, in words or on the keypad, and takes up again what they wanted.

A code is compared here, with the digest of what was sent; an answer is checked by the company's own system. Both count
against one number of attempts. With the level they hold now, the kept question is worked on as if it had just been asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation, Turn
from agent_core.given_proofs import answer_in, is_code, keyed_in
from agent_core.proofs import Challenge, Means, ProofMethod, Proofs
from agent_core.targets import words_are_clear
from processors.candidates import formed
from processors.stepping_up import CHALLENGE, is_given_in_time
from processors.turn_opening import next_turn_id, opened
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.TurnCommitted, d.VerdictIssued, d.TurnEnded, f.KeyPressed, p.ProofReturned, p.ProofRefused, f.EffectFailed)
KEYS = "keys"


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    challenge, proofs, payload = conversation.challenge, conversation.behaviour.proofs, event.payload
    method = proofs.method(challenge.method) if challenge and proofs else None
    if proofs and isinstance(payload, p.ProofRefused):
        yield from _again(conversation, proofs, method, payload)
    elif challenge is None or proofs is None or method is None:
        return
    elif isinstance(payload, f.KeyPressed | d.TurnEnded):
        yield from _on_keys(conversation, proofs, challenge, method, event.accepted_at_us)
    elif isinstance(payload, p.ProofReturned | f.EffectFailed):
        yield from _checked(conversation, proofs, challenge, method, payload)
    elif (turn := conversation.turn) and turn.cause == "utterance" and turn.committed and not turn.errand:
        said = answer_in(method, turn.question.removeprefix(turn.carried))
        if said and not turn.chosen and turn.turn_id != _asked_in(challenge) and words_are_clear(conversation):
            yield from _judge(conversation, turn, proofs, challenge, method, said, event.accepted_at_us)


def _on_keys(
    conversation: Conversation, proofs: Proofs, challenge: Challenge, method: ProofMethod, at_us: int
) -> Iterator[Decision]:
    """Once all keys are there, and the turn is over in which the caller was asked."""
    given = keyed_in(method, challenge.keys)
    if given is None or conversation.turn is not None:
        return
    yield opened(conversation, cause=KEYS, speech_ended_at_us=at_us)
    turn = Turn(next_turn_id(conversation), KEYS, "", at_us, 0)
    yield from _judge(conversation, turn, proofs, challenge, method, given, at_us)


def _judge(
    conversation: Conversation,
    turn: Turn,
    proofs: Proofs,
    challenge: Challenge,
    method: ProofMethod,
    given: str,
    at_us: int,
) -> Iterator[Decision]:
    if method.means is Means.KNOWLEDGE:
        yield p.ProofAsked(
            ask_id=f"{turn.turn_id}.s{turn.speculation}.proof",
            challenge_id=challenge.challenge_id,
            method=method.name,
            answer=given,
            timeout_ms=proofs.timeout_ms,
        )
    elif not is_given_in_time(challenge, method, at_us):
        yield _refused(proofs, challenge, "expired", conversation.wrong_proofs)
    elif is_code(conversation.context.digest_key(), challenge, given):
        yield from _accepted(turn, challenge, method)
    else:
        yield _refused(proofs, challenge, "wrong", conversation.wrong_proofs + 1)


def _checked(
    conversation: Conversation,
    proofs: Proofs,
    challenge: Challenge,
    method: ProofMethod,
    payload: p.ProofReturned | f.EffectFailed,
) -> Iterator[Decision]:
    """The attempt was counted when it was asked: who talks over the check gains none."""
    ask, turn = conversation.asks.get(payload.ask_id), conversation.turn
    if ask is None or turn is None or not isinstance(ask.payload, p.ProofAsked) or turn.chosen:
        return
    if ask.payload.challenge_id != challenge.challenge_id or ask.turn_id != turn.turn_id:
        return
    if isinstance(payload, f.EffectFailed):
        yield _refused(proofs, challenge, "unchecked", conversation.wrong_proofs - 1)
    elif payload.passed:
        yield from _accepted(turn, challenge, method)
    else:
        yield _refused(proofs, challenge, "wrong", conversation.wrong_proofs)


def _accepted(turn: Turn, challenge: Challenge, method: ProofMethod) -> Iterator[Decision]:
    yield p.ProofAccepted(
        challenge_id=challenge.challenge_id, method=method.name, level=method.gives.value, lasts_ms=method.lasts_ms
    )
    if turn.speculation:
        yield d.SpeculationDropped(speculation=turn.speculation, reason="stepped_up")
    yield d.SpeculationOpened(speculation=turn.speculation + 1, question=challenge.question)


def _refused(proofs: Proofs, challenge: Challenge, reason: str, wrong: int) -> p.ProofRefused:
    return p.ProofRefused(
        challenge_id=challenge.challenge_id, reason=reason, attempts_left=max(0, proofs.lock_after - wrong)
    )


def _again(
    conversation: Conversation, proofs: Proofs, method: ProofMethod | None, refused: p.ProofRefused
) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or turn.errand is None:
        return
    if refused.attempts_left == 0:
        text = conversation.behaviour.lines.escalation
        yield formed(conversation, turn.turn_id, "escalate", turn.errand.intent, text)
    elif refused.reason != "expired":  # where it is too old, another one is sent
        text = method.again if method and refused.reason == "wrong" else proofs.unavailable
        yield formed(conversation, turn.turn_id, CHALLENGE, turn.errand.intent, text)


def _asked_in(challenge: Challenge) -> str:
    """The turn in which the caller was asked: what they said in it is no answer to that."""
    return challenge.challenge_id.partition(".")[0]
