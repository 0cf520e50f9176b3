"""What is proposed to the caller, approved by them, done, undone and told."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation
from agent_core.proposal import Errand, Proposal
from agent_core.reducers.asks import asked
from agent_core.reducers.changes import Reducer, closed, with_errand
from agent_core.tools.base import read_result
from schemas import writing as w
from schemas.event import Happening


def _proposed(c: Conversation, event: Happening, p: w.WriteProposed) -> Conversation:
    """It takes the place of one that wasn't approved."""
    if c.turn is None or c.subject is None:
        return c
    proposal = Proposal(
        proposal_id=p.proposal_id,
        turn_id=c.turn.turn_id,
        intent=p.intent,
        tool=p.tool,
        arguments=p.arguments,
        state=p.state,
        digest=p.digest,
        candidate_id=p.candidate_id,
        question=c.turn.question,
        subject_id=c.subject.subject_id,
        subject_seq=p.subject_seq,
        read_at_us=event.accepted_at_us,
        again=c.turn.lapsed is not None and c.turn.lapsed.question == c.turn.question,
    )
    others = {key: other for key, other in c.proposals.items() if other.approved_seq is not None}
    return replace(c, proposals={**others, p.proposal_id: proposal}, proposed=c.proposed + 1)


def with_answer_turn(c: Conversation) -> Conversation:
    """The caller's words are final, or something else is said to them: what they had heard by then is answered in this turn,
    or not at all. A yes to "Are you still there?" is none to what was read back before."""
    for proposal in c.proposals.values():
        if c.turn and proposal.heard and not proposal.answer_turn:
            c = with_proposal(c, replace(proposal, answer_turn=c.turn.turn_id))
    return c


def _approved(c: Conversation, event: Happening, p: w.WriteApproved) -> Conversation:
    proposal = c.proposals.get(p.proposal_id)
    if proposal is None:
        return c
    c = with_proposal(c, replace(proposal, approved_seq=p.approved_seq))
    return with_errand(c, Errand("write", proposal.intent, p.proposal_id))


def _lapsed(c: Conversation, event: Happening, p: w.WriteLapsed) -> Conversation:
    proposal = c.proposals.get(p.proposal_id)
    if proposal is None:
        return c
    c = replace(c, proposals={key: other for key, other in c.proposals.items() if key != p.proposal_id})
    if p.reason == "declined":
        return with_errand(c, Errand("declined", proposal.intent, p.proposal_id))
    return replace(c, turn=replace(c.turn, lapsed=proposal)) if c.turn else c


def _returned(c: Conversation, event: Happening, p: w.WriteReturned) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open or not isinstance(ask.payload, w.WriteRequested | w.UndoRequested):
        return c
    c = replace(c, asks=closed(c.asks, p.ask_id))
    proposal = c.proposals.get(ask.payload.proposal_id)
    if proposal is None:
        return c
    if isinstance(ask.payload, w.UndoRequested):
        return with_proposal(c, replace(proposal, undone=(*proposal.undone, p.step)))
    return with_proposal(c, replace(proposal, results={**proposal.results, p.step: read_result(p.result)}))


def _undo_requested(c: Conversation, event: Happening, p: w.UndoRequested) -> Conversation:
    c = asked(c, event, p)
    proposal = c.proposals.get(p.proposal_id)
    return with_proposal(c, replace(proposal, failed=proposal.failed or p.reason)) if proposal else c


def _ended(c: Conversation, event: Happening, p: w.WriteEnded) -> Conversation:
    """Its asks are done with; it is kept until it was told."""
    proposal = c.proposals.get(p.proposal_id)
    if proposal is None:
        return c
    asks = {
        key: ask
        for key, ask in c.asks.items()
        if not isinstance(ask.payload, w.WriteRequested | w.UndoRequested) or ask.payload.proposal_id != p.proposal_id
    }
    c = with_proposal(replace(c, asks=asks), replace(proposal, outcome=p.outcome, reason=p.reason))
    if p.outcome == "unknown" and c.turn and c.turn.errand and c.turn.errand.about == p.proposal_id:
        return with_errand(c, Errand("escalate", proposal.intent, p.proposal_id))
    return c


def _told(c: Conversation, event: Happening, p: w.WriteTold) -> Conversation:
    proposal = c.proposals.get(p.proposal_id)
    if proposal is None:
        return c
    if not p.candidate_id:
        return replace(c, proposals={key: other for key, other in c.proposals.items() if key != p.proposal_id})
    return with_proposal(c, replace(proposal, told_by=p.candidate_id, tellings=proposal.tellings + 1))


def heard_to_the_end(c: Conversation, event: Happening, candidate_id: str) -> Conversation:
    """A proposal may be approved once it was heard; an outcome that was told is over with."""
    for proposal in c.proposals.values():
        if _is_heard(c, proposal.candidate_id, candidate_id):
            c = with_proposal(c, replace(proposal, heard=True, heard_at_us=event.accepted_at_us))
        if proposal.outcome and _is_heard(c, proposal.told_by, candidate_id):
            c = replace(c, proposals={key: other for key, other in c.proposals.items() if other is not proposal})
    late = {key: read for key, read in c.late_reads.items() if not _is_heard(c, read.told_by, candidate_id)}
    return replace(c, late_reads=late) if len(late) < len(c.late_reads) else c


def _is_heard(c: Conversation, wanted: str, candidate_id: str) -> bool:
    """It was this one, or this one was the rest of it: of the very reply that was cut off, not of another of its turn."""
    if wanted == candidate_id:
        return True
    candidate = c.turn.candidates.get(candidate_id) if c.turn else None
    rest = candidate is not None and candidate.action == "resume" and not c.turn_is_of_another
    return rest and wanted == c.said_last


def with_proposal(c: Conversation, proposal: Proposal) -> Conversation:
    return replace(c, proposals={**c.proposals, proposal.proposal_id: proposal})


REDUCERS: dict[type, Reducer] = {
    w.WriteReturned: _returned,
    w.WriteProposed: _proposed,
    w.WriteApproved: _approved,
    w.WriteLapsed: _lapsed,
    w.WriteRequested: asked,
    w.UndoRequested: _undo_requested,
    w.WriteEnded: _ended,
    w.WriteTold: _told,
}
