"""Decider: asks guests for their verdicts, and makes verdicts of what they post, or of their silence.

    CandidateFormed     -> GuestAsked for each guest that judges it; TimerSet where it is waited for
    GuestVerdictPosted  -> VerdictIssued, if it is the first on these very words of a candidate that it was asked about
    the timer fires     -> VerdictIssued: a required guest's silence passes or blocks, as behaviour says

The log's order decides between a verdict and the timer. A verdict that was issued stands: what the same guest posts
after it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.behaviour import GuardrailSetting
from agent_core.conversation import Candidate, Conversation, Fate, Turn
from agent_core.guardrails.base import Stage
from agent_core.guests import (
    SILENT,
    TIMER,
    evidence_in,
    guest_of,
    guests_of,
    readable_reasons,
    readable_version,
    timer_of,
)
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event
from schemas.text_digest import text_digest

HANDLES = (d.CandidateFormed, f.GuestVerdictPosted, f.TimerFired)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if turn is None or not turn.live:
        return
    if isinstance(payload, d.CandidateFormed):
        candidate = turn.candidates.get(payload.candidate_id)
        if candidate:
            yield from _ask(conversation, candidate, event.accepted_at_us)
    elif isinstance(payload, f.GuestVerdictPosted):
        yield from _posted(conversation, turn, payload)
    elif isinstance(payload, f.TimerFired) and payload.purpose == TIMER:
        yield from _silent(conversation, turn, payload)


def _ask(conversation: Conversation, candidate: Candidate, at_us: int) -> Iterator[Decision]:
    """Nobody is asked about what a guardrail of ours blocked in the same step."""
    if not all(candidate.verdicts.values()):
        return
    for guest in guests_of(conversation.behaviour, candidate):
        assert guest.budget_ms is not None, "the settings of a guest have it"
        yield d.GuestAsked(
            guardrail=guest.name,
            candidate_id=candidate.candidate_id,
            required=guest.required,
            budget_ms=guest.budget_ms,
        )
        if guest.required:
            due = at_us + guest.budget_ms * 1000
            yield d.TimerSet(timer_id=timer_of(candidate.candidate_id, guest.name), purpose=TIMER, due_at_us=due)


def _posted(conversation: Conversation, turn: Turn, posted: f.GuestVerdictPosted) -> Iterator[Decision]:
    candidate = turn.candidates.get(posted.candidate_id)
    guest = guest_of(conversation.behaviour, candidate, posted.guardrail) if candidate else None
    if candidate is None or guest is None or not _open(turn, candidate, guest):
        return
    # A candidate's id says which it is, not what it says: a void copy of it may have read differently.
    if posted.text_digest != text_digest(conversation.context.digest_key(), candidate.text):
        return
    yield d.VerdictIssued(
        guardrail=guest.name,
        guardrail_version=readable_version(posted.guest_version),
        stage=Stage.OUTPUT.value,
        candidate_id=candidate.candidate_id,
        speculation=candidate.speculation,
        passed=posted.passed,
        required=guest.required,
        reasons=readable_reasons(posted.reasons),
        evidence=evidence_in(candidate.text, posted.evidence),
    )


def _silent(conversation: Conversation, turn: Turn, fired: f.TimerFired) -> Iterator[Decision]:
    for candidate in turn.candidates.values():
        for guest in guests_of(conversation.behaviour, candidate):
            if fired.timer_id == timer_of(candidate.candidate_id, guest.name) and _open(turn, candidate, guest):
                yield d.VerdictIssued(
                    guardrail=guest.name,
                    guardrail_version="",
                    stage=Stage.OUTPUT.value,
                    candidate_id=candidate.candidate_id,
                    speculation=candidate.speculation,
                    passed=guest.silence == "pass",
                    required=guest.required,
                    reasons=(SILENT,),
                    evidence=(),
                )


def _open(turn: Turn, candidate: Candidate, guest: GuardrailSetting) -> bool:
    """Whether its verdict on this candidate is still of use to anybody."""
    return (
        candidate.speculation == turn.speculation
        and candidate.fate is not Fate.DROPPED
        and guest.name not in candidate.verdicts
    )
