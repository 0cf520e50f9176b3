"""Proofs that a caller is asked for and gives, and the level that they gain."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from agent_core.proofs import Challenge
from agent_core.proposal import Errand
from agent_core.reducers.asks import asked
from agent_core.reducers.changes import Reducer, closed, with_errand
from agent_core.subject import level_named, raised
from schemas import facts as f
from schemas import proving as p
from schemas.event import Happening

MOST_KEYS = 32


def _challenge_opened(c: Conversation, event: Happening, opened: p.ChallengeOpened) -> Conversation:
    if c.challenge and c.challenge.challenge_id == opened.challenge_id:  # another wish behind the same proof
        return replace(c, challenge=replace(c.challenge, intent=opened.intent, question=opened.question))
    challenge = Challenge(
        challenge_id=opened.challenge_id,
        method=opened.method,
        level=opened.level,
        intent=opened.intent,
        question=opened.question,
        subject_id=c.subject.subject_id if c.subject else "",
    )
    return replace(c, challenge=challenge, challenges=c.challenges + 1)


def _code_asked(c: Conversation, event: Happening, ask: p.CodeAsked) -> Conversation:
    return asked(replace(c, codes_asked=c.codes_asked + 1), event, ask)


def _code_sent(c: Conversation, event: Happening, sent: p.CodeSent) -> Conversation:
    ask, challenge = c.asks.get(sent.ask_id), c.challenge
    if ask is None or not ask.open or challenge is None or not isinstance(ask.payload, p.CodeAsked):
        return c
    if ask.payload.challenge_id != challenge.challenge_id:
        return replace(c, asks=closed(c.asks, sent.ask_id))
    challenge = replace(challenge, code_digest=sent.code_digest, sent_at_us=event.accepted_at_us, keys="")
    return replace(c, challenge=challenge, asks=closed(c.asks, sent.ask_id))


def _proof_asked(c: Conversation, event: Happening, ask: p.ProofAsked) -> Conversation:
    c = asked(c, event, ask)
    challenge = c.challenge
    if challenge is None:
        return c
    c = replace(c, challenge=replace(challenge, keys=""), wrong_proofs=c.wrong_proofs + 1)
    return with_errand(c, Errand("challenge", challenge.intent, ask.challenge_id))


def _proof_returned(c: Conversation, event: Happening, returned: p.ProofReturned) -> Conversation:
    return replace(c, asks=closed(c.asks, returned.ask_id)) if returned.ask_id in c.asks else c


def _proof_accepted(c: Conversation, event: Happening, accepted: p.ProofAccepted) -> Conversation:
    """A right proof begins a new count of wrong ones: who proved it is no guesser."""
    if c.subject is None or c.challenge is None or c.challenge.challenge_id != accepted.challenge_id:
        return c
    level = level_named(accepted.level)
    subject = raised(c.subject, level, accepted.lasts_ms, event.seq, event.accepted_at_us)
    return replace(c, subject=subject, challenge=None, wrong_proofs=0)


def _counted(challenge: Challenge, reason: str) -> int:
    """What somebody else checks was counted when it was asked, and counts no more where nobody could check it."""
    if reason == "unchecked":
        return -1
    return 1 if reason == "wrong" and challenge.code_digest else 0


def _proof_refused(c: Conversation, event: Happening, refused: p.ProofRefused) -> Conversation:
    challenge = c.challenge
    if challenge is None or challenge.challenge_id != refused.challenge_id:
        return c
    locked = refused.attempts_left == 0
    c = replace(c, wrong_proofs=c.wrong_proofs + _counted(challenge, refused.reason))
    kept = refused.reason in ("wrong", "expired") and not locked
    errand = Errand("escalate", "locked", challenge.challenge_id) if locked else None
    errand = errand or Errand("challenge", challenge.intent, challenge.challenge_id)
    return with_errand(replace(c, challenge=replace(challenge, keys="") if kept else None), errand)


def _key_pressed(c: Conversation, event: Happening, pressed: f.KeyPressed) -> Conversation:
    c = replace(c, interrupted=None)
    if c.challenge is None:
        return c
    keys = (c.challenge.keys + pressed.key)[-MOST_KEYS:]
    return replace(c, challenge=replace(c.challenge, keys=keys), silences=0)


REDUCERS: dict[type, Reducer] = {
    f.KeyPressed: _key_pressed,
    p.CodeSent: _code_sent,
    p.ProofReturned: _proof_returned,
    p.ChallengeOpened: _challenge_opened,
    p.CodeAsked: _code_asked,
    p.ProofAsked: _proof_asked,
    p.ProofAccepted: _proof_accepted,
    p.ProofRefused: _proof_refused,
}
