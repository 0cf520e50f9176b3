"""How a caller proves who they are in the call: what they are asked for, what came of it, and the level that it gives.

What proves is never in the clear: a code that was sent stands here as a digest under the conversation's key, what the
caller said or keyed in is sealed as all words of theirs, and what a bank holds as an answer never leaves the bank.
"""

from __future__ import annotations

from schemas.base import Decision, Fact, PrivateText

# --- facts -----------------------------------------------------------------------------------------------------------


class CodeSent(Fact, frozen=True, kw_only=True):
    """A one-time code is on its way to the subject's own number.

    ``code_digest``: HMAC-SHA256, hex, of challenge and code under the conversation's digest key.
    """

    ask_id: str
    attempt: int
    code_digest: str
    elapsed_ms: float | None = None


class ProofReturned(Fact, frozen=True, kw_only=True):
    """Whether the company's own system took what the caller gave for this subject's answer."""

    ask_id: str
    attempt: int
    passed: bool
    elapsed_ms: float | None = None


# --- decisions -------------------------------------------------------------------------------------------------------


class ChallengeOpened(Decision, frozen=True, kw_only=True):
    """A tool needs a higher level than the subject holds: they are asked for a proof. ``question`` is what they wanted,
    taken up again once they gave it. ``method`` and ``level`` are behaviour's. Under an id that there was: the same proof,
    and the code that was sent, serve a newer wish."""

    challenge_id: str
    method: str
    level: str
    intent: str
    question: PrivateText


class CodeAsked(Decision, frozen=True, kw_only=True):
    """Asks for a new one-time code to be sent. Nothing is sent before this stands on the log."""

    ask_id: str
    challenge_id: str
    method: str
    timeout_ms: int


class ProofAsked(Decision, frozen=True, kw_only=True):
    """Asks the company's own system whether this is the subject's answer. ``answer``: digits, or words in lower case."""

    ask_id: str
    challenge_id: str
    method: str
    answer: PrivateText
    timeout_ms: int


class ProofAccepted(Decision, frozen=True, kw_only=True):
    """The proof is right: the same subject holds ``level`` from here on, for ``lasts_ms`` (null: the conversation)."""

    challenge_id: str
    method: str
    level: str
    lasts_ms: int | None = None


class ProofRefused(Decision, frozen=True, kw_only=True):
    """``reason``: wrong, expired (the code is too old), unsent (no code could be sent), unchecked (nobody could say).
    ``attempts_left``: of this conversation; at 0 it is locked and a person takes over."""

    challenge_id: str
    reason: str
    attempts_left: int
