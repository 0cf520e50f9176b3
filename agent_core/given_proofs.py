"""What a caller gave as a proof, in words or on the keypad, and whether it is the code that was sent."""

from __future__ import annotations

import hashlib
import hmac

from agent_core.guardrails._numbers import digit_runs
from agent_core.guardrails._text import words
from agent_core.proofs import Challenge, ProofMethod


def code_digest(key: bytes, challenge_id: str, code: str) -> str:
    return hmac.new(key, f"{challenge_id}\x1f{code}".encode(), hashlib.sha256).hexdigest()


def is_code(key: bytes, challenge: Challenge, given: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(code_digest(key, challenge.challenge_id, given), challenge.code_digest)


def answer_in(method: ProofMethod, said: str) -> str | None:
    """What the caller gave as a proof, in their words; None where they said something else."""
    if method.digits is None:
        spoken = " ".join(word.text for word in words(said))
        return spoken or None
    runs = [run.digits for run in digit_runs(said, least=method.digits)]
    given = [digits for digits in runs if len(digits) == method.digits] or runs
    return given[0] if given else None


def keyed_in(method: ProofMethod, keys: str) -> str | None:
    """What was keyed in, once it is whole; None while it isn't. ``#`` ends it early, ``*`` begins anew."""
    digits = keys.rpartition("*")[2]
    if digits.endswith("#"):
        return digits.rstrip("#") or None
    return digits if method.digits is not None and len(digits) >= method.digits else None
