"""What is said of a change: the approved template, and what fills it. Guardrails judge both apart."""

from __future__ import annotations

from typing import NamedTuple

from agent_core.behaviour import Intent
from agent_core.conversation import Candidate, Conversation
from agent_core.proposal import Proposal
from agent_core.tools.base import read_result
from agent_core.wording import late_template


class Filled(NamedTuple):
    """``found``: name → what the tool found, and what its steps answered."""

    template: str
    found: dict[str, str]


def told(intent: Intent | None, proposal: Proposal) -> Filled | None:
    """What became of it; None where behaviour has no words for that."""
    found = read_result(proposal.state)
    for result in proposal.results.values():
        found = found | result
    if intent is None:
        return None
    template = {"done": intent.answer, "unknown": intent.unsure}.get(proposal.outcome, intent.failed)
    return Filled(template, found) if template else None


def behind(conversation: Conversation, candidate: Candidate) -> Filled | None:
    """What a candidate says of a proposal, or of what was read late: None where it says nothing of any."""
    for proposal in conversation.proposals.values():
        intent = conversation.behaviour.intent(proposal.intent)
        if candidate.candidate_id == proposal.candidate_id and intent and intent.confirm:
            return Filled(intent.confirm, read_result(proposal.state))
        if candidate.candidate_id == proposal.told_by:
            return told(intent, proposal)
    for read in conversation.late_reads.values():
        if candidate.candidate_id == read.told_by and (template := late_template(conversation, read)):
            return Filled(template, read.found)
    return None
