"""A change that the caller wants stopped, or wishes for again, while it is being done or before they heard what came of it.

Words can't call a request back that may have arrived. To answer them as if they could ("I leave your card as it is"), or as
if they weren't understood, would be untrue or unkind: the caller hears that it has begun, and then what came of it.
"""

from __future__ import annotations

from agent_core.assent import Assent
from agent_core.authorisation import Authorised, authorise
from agent_core.behaviour import Intent
from agent_core.conversation import Conversation, Turn
from agent_core.proposal import MOST_TELLINGS, Proposal, awaiting
from agent_core.tools.base import read_result, write_texts
from agent_core.wording import filled_by

BEGUN = "begun"


def stopped_too_late(conversation: Conversation, turn: Turn) -> Proposal | None:
    """What a plain no comes too late for. None where the no answers another read-back."""
    if awaiting(conversation.proposals, turn.turn_id):
        return None
    begun = next((p for p in reversed(conversation.proposals.values()) if _is_under_way(conversation, p)), None)
    if begun is None:
        return None
    return begun if conversation.behaviour.hears(turn.question.removeprefix(turn.carried)) is Assent.NO else None


def wished_again(conversation: Conversation, turn: Turn, intent: Intent) -> Proposal | None:
    """What these words would propose a second time: the same tool, for the same things."""
    found = authorise(intent.tool or "", conversation.subject, turn.question, conversation.accepted_at_us)
    if not isinstance(found, Authorised):
        return None
    arguments = write_texts(found.arguments)
    return next(
        (
            p
            for p in conversation.proposals.values()
            if _is_under_way(conversation, p) and p.tool == intent.tool and p.arguments == arguments
        ),
        None,
    )


def begun_words(conversation: Conversation, intent: Intent) -> str | None:
    """None where behaviour has no words for it, or a slot stays open."""
    proposal = next(
        (p for p in conversation.proposals.values() if _is_under_way(conversation, p) and p.intent == intent.name), None
    )
    template = intent.begun or intent.pending
    return filled_by(conversation, template, read_result(proposal.state)) if proposal and template else None


def _is_under_way(conversation: Conversation, proposal: Proposal) -> bool:
    """It was approved by who is on the line, and what came of it is still to be told."""
    subject = conversation.subject
    own = subject is not None and subject.subject_id == proposal.subject_id
    return own and proposal.approved_seq is not None and proposal.tellings < MOST_TELLINGS
