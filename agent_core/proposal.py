"""What a tool would change, from its proposal to its end: kept by the conversation for longer than a turn.

proposed ─ read back, heard ─ approved ─ steps … ─ ended (done, failed, changed, unknown) ─ told
    └─ lapsed                              └─ a step fails: undone in reverse ─┘
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

MOST_TRIES = 4  # of one step, before its outcome counts as unknown
MOST_TELLINGS = 2  # how often an outcome is begun to be told, before the caller is left in peace


class Proposal(msgspec.Struct, frozen=True):
    """``question``: the caller's words that led to it. ``read_at_us``: when the state was. ``results``: step → what came of
    it. ``outcome`` and ``reason``: as in ``WriteEnded``, empty before. ``told_by``: the candidate that tells the outcome.
    ``answer_turn``: the first turn after they heard it, the caller's or one in which something else was said to them: the
    only one in which a yes counts; empty before.
    ``again``: it was read back anew, after words that were no answer."""

    proposal_id: str
    turn_id: str
    intent: str
    tool: str
    arguments: str
    state: str
    digest: str
    candidate_id: str
    question: str
    subject_id: str
    subject_seq: int
    read_at_us: int
    heard: bool = False
    heard_at_us: int = 0
    answer_turn: str = ""
    approved_seq: int | None = None
    results: dict[str, dict[str, str]] = {}
    undone: tuple[str, ...] = ()
    failed: str = ""  # the reason of the step that failed
    outcome: str = ""
    reason: str = ""
    told_by: str = ""
    tellings: int = 0
    again: bool = False


class Errand(msgspec.Struct, frozen=True):
    """What an open turn is about in place of a question: a proof, or a proposal. ``action`` as in ``CandidateFormed``."""

    action: str
    intent: str
    about: str  # challenge or proposal


def awaiting(proposals: Mapping[str, Proposal], turn_id: str) -> Proposal | None:
    """The one of a turn before this one that may yet be approved by it, or lapses with it."""
    return next((p for p in proposals.values() if p.approved_seq is None and p.turn_id != turn_id), None)


def proposal_digest(key: bytes, subject_id: str, tool: str, arguments: str, state: str, words: str) -> str:
    """What an approval is bound to: anything that changes in it makes another digest."""
    encoded = msgspec.json.encode([subject_id, tool, arguments, state, words])
    return hmac.new(key, encoded, hashlib.sha256).hexdigest()
