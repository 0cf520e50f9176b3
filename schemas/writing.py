"""Tools that change something: what was proposed to the caller, what they approved, what was done, what was undone.

ToolRequested ─ ToolReturned ─ WriteProposed ─ (read back, heard) ─ WriteApproved ─ WriteRequested ─ WriteReturned ─ …
                                                                          a later step fails: UndoRequested, in reverse
                                                                                                    ─ WriteEnded
"""

from __future__ import annotations

from schemas.base import Decision, Fact, PrivateText

# --- facts -----------------------------------------------------------------------------------------------------------


class WriteReturned(Fact, frozen=True, kw_only=True):
    """A step took effect, or was undone. ``result`` is JSON: name → a text that may be said as it stands.

    ``found``: it had taken effect before, under the same key; nothing was done a second time.
    """

    ask_id: str
    attempt: int
    tool: str
    step: str
    result: PrivateText
    found: bool = False
    elapsed_ms: float | None = None


# --- decisions -------------------------------------------------------------------------------------------------------


class WriteProposed(Decision, frozen=True, kw_only=True):
    """What a tool would do, for whom, to what, and what was found before. Nothing is done by it.

    ``digest``: HMAC-SHA256, hex, under the conversation's digest key, over subject, tool, arguments, state and the words
    that ask the caller. ``candidate_id``: the candidate with those words. ``arguments`` and ``state`` are JSON.
    """

    proposal_id: str
    intent: str
    tool: str
    arguments: PrivateText
    state: PrivateText
    subject_seq: int
    candidate_id: str
    digest: str


class WriteApproved(Decision, frozen=True, kw_only=True):
    """The caller heard the proposal to its end and said yes to it in the very next turn. ``digest``: of the proposal."""

    proposal_id: str
    digest: str
    approved_seq: int  # of the UtteranceHeard in which they said so


class WriteLapsed(Decision, frozen=True, kw_only=True):
    """The proposal can't be approved any more. ``reason``: declined (the caller said no), not_confirmed (they said
    something else), unheard, too_late, other_subject, level_too_low, expired, not_authenticated."""

    proposal_id: str
    reason: str


class WriteRequested(Decision, frozen=True, kw_only=True):
    """Asks for one step of an approved proposal. Nothing is done before this stands on the log.

    ``idempotency_key`` derives from conversation, proposal and step, so that every owner asks under the same. ``reread``:
    the state is older than the tool allows, and is read again first: where it isn't what was proposed on, nothing is done.
    """

    ask_id: str
    proposal_id: str
    intent: str
    tool: str
    step: str
    arguments: PrivateText
    state: PrivateText
    digest: str
    idempotency_key: str
    level: str
    subject_seq: int
    reread: bool
    timeout_ms: int


class UndoRequested(Decision, frozen=True, kw_only=True):
    """Asks for a step to be undone, because a later one failed, or because it isn't known whether it took effect.

    ``undoes``: the idempotency key of that step: should it arrive after this, it is refused. ``reason``: of the failure.
    """

    ask_id: str
    proposal_id: str
    intent: str
    tool: str
    step: str
    arguments: PrivateText
    idempotency_key: str
    undoes: str
    reason: str
    timeout_ms: int


class WriteEnded(Decision, frozen=True, kw_only=True):
    """``outcome``: done, failed (nothing of it stands), changed (what it was proposed on had changed: nothing was done),
    unknown (a person must look). ``reason``: of the step that failed; empty where it is done."""

    proposal_id: str
    outcome: str
    reason: str = ""


class WriteTold(Decision, frozen=True, kw_only=True):
    """This candidate tells the caller what became of the proposal. Heard to its end, it is over with; at once where the
    candidate is empty, since it is proposed anew."""

    proposal_id: str
    candidate_id: str
