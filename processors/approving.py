"""Decider: a proposal is approved by a plain yes in the very next turn after it was heard to its end, or it lapses. "Yes,
block it" is as good, where that is the question said again.

The approval names the proposal's digest. A yes counts once the caller's words are final, every guardrail let them pass,
and the subject still holds the level; what isn't plainly yes or no lets the proposal lapse, and is answered as any words.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.assent import Assent
from agent_core.authorisation import Refusal, still_authorised
from agent_core.conversation import Caller, Conversation
from agent_core.proposal import Proposal, awaiting
from agent_core.targets import words_are_clear
from agent_core.tools.base import read_result
from agent_core.tools.registry import every
from agent_core.wording import filled_by
from processors.candidates import formed
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.TurnCommitted, d.VerdictIssued, f.CallerSpeechDismissed)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or turn.cause != "utterance" or not turn.committed or turn.errand or turn.chosen:
        return
    proposal = awaiting(conversation.proposals, turn.turn_id)
    if proposal is None:
        return
    said = conversation.behaviour.hears(turn.question.removeprefix(turn.carried), _asked(conversation, proposal))
    why_not = _why_not(conversation, proposal, event.accepted_at_us)
    if not proposal.heard:
        yield _lapsed(proposal, "unheard")
    elif said is Assent.UNCLEAR or proposal.answer_turn != turn.turn_id:
        yield _lapsed(proposal, "not_confirmed")
    elif conversation.caller is not Caller.SILENT or not words_are_clear(conversation):
        return  # they go on speaking, or a guardrail has yet to judge, or refuses: then the turn is about that
    elif said is Assent.NO:
        yield _lapsed(proposal, "declined")
        intent = conversation.behaviour.intent(proposal.intent)
        words = (intent and intent.declined) or conversation.behaviour.lines.refusal
        yield formed(conversation, turn.turn_id, "declined", proposal.intent, words)
    elif why_not:
        yield _lapsed(proposal, why_not)
        yield d.SpeculationDropped(speculation=turn.speculation, reason="request_changed")
        yield d.SpeculationOpened(speculation=turn.speculation + 1, question=proposal.question)
    else:
        yield w.WriteApproved(
            proposal_id=proposal.proposal_id, digest=proposal.digest, approved_seq=conversation.last_caller_seq
        )


def _asked(conversation: Conversation, proposal: Proposal) -> str:
    """The read-back, in the words that the caller heard."""
    intent = conversation.behaviour.intent(proposal.intent)
    words = filled_by(conversation, intent.confirm, read_result(proposal.state)) if intent and intent.confirm else None
    return words or ""


def _why_not(conversation: Conversation, proposal: Proposal, at_us: int) -> str | None:
    """Why a yes doesn't count any more: then it is proposed anew, or the caller is asked for a proof again."""
    tool, subject = every().get(proposal.tool), conversation.subject
    if tool is None or subject is None or subject.subject_id != proposal.subject_id:
        return Refusal.OTHER_SUBJECT.value
    found = still_authorised(tool, tool.read_arguments(proposal.arguments), subject, at_us)
    if isinstance(found, Refusal):
        return found.value
    return "too_late" if at_us >= proposal.heard_at_us + tool.valid_ms * 1000 else None


def _lapsed(proposal: Proposal, reason: str) -> w.WriteLapsed:
    return w.WriteLapsed(proposal_id=proposal.proposal_id, reason=reason)
