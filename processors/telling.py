"""Decider: the caller hears what became of what they approved: in the turn that waits for it, or else as soon as they can.

Where the turn gives up first, they hear that it goes on. An outcome that comes in mid-speech, after a superseded turn or
after a fallback opens a turn of its own once nobody speaks. It is told to the subject for whom it was done, to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Caller, Conversation, Status, Turn
from agent_core.proposal import MOST_TELLINGS, Proposal
from agent_core.tools.base import read_result
from agent_core.wording import filled_by
from agent_core.write_wording import told
from processors.turn_opening import next_turn_id, opened
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Decision
from schemas.event import Event

HANDLES = (w.WriteEnded, d.TurnEnded, d.CandidateDropped, f.TimerFired, f.CallerSpeechDismissed, f.SubjectAuthenticated)
NEWS = "news"
GOES_ON_AFTER = {"reply", "tool", "fallback", "superseded"}


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if conversation.status is not Status.OPEN:
        return
    if turn and turn.errand and turn.live and not turn.chosen:
        yield from _in_its_turn(conversation, turn)
    elif turn is None and conversation.answered and conversation.caller is Caller.SILENT:
        if isinstance(payload, d.TurnEnded) and (payload.interrupted or payload.outcome not in GOES_ON_AFTER):
            return  # the caller has something to say or to key in; or the call ends with it
        if proposal := _untold(conversation):
            yield opened(conversation, cause=NEWS, speech_ended_at_us=event.accepted_at_us)
            yield from _telling(conversation, proposal, next_turn_id(conversation), 0)


def _in_its_turn(conversation: Conversation, turn: Turn) -> Iterator[Decision]:
    proposal = conversation.proposals.get(turn.errand.about) if turn.errand else None
    if proposal is None or proposal.approved_seq is None:
        return
    if proposal.outcome == "changed":  # it is proposed anew: that is what the caller hears
        yield w.WriteTold(proposal_id=proposal.proposal_id, candidate_id="")
        yield d.SpeculationDropped(speculation=turn.speculation, reason="request_changed")
        yield d.SpeculationOpened(speculation=turn.speculation + 1, question=proposal.question)
    elif proposal.outcome and not _tells(turn, proposal):
        yield from _telling(conversation, proposal, turn.turn_id, turn.speculation)
    elif turn.giving_up and not proposal.outcome and not _has(turn, "pending"):
        intent = conversation.behaviour.intent(proposal.intent)
        words = filled_by(conversation, (intent and intent.pending) or "", read_result(proposal.state))
        yield _formed(turn.turn_id, turn.speculation, "write", proposal, words or _fallback(conversation), "pending")


def _telling(conversation: Conversation, proposal: Proposal, turn_id: str, speculation: int) -> Iterator[Decision]:
    action = "escalate" if proposal.outcome == "unknown" else "write"
    words = _words(conversation, proposal) or _fallback(conversation)
    candidate = _formed(turn_id, speculation, action, proposal, words, "told")
    yield w.WriteTold(proposal_id=proposal.proposal_id, candidate_id=candidate.candidate_id)
    yield candidate


def _words(conversation: Conversation, proposal: Proposal) -> str | None:
    said = told(conversation.behaviour.intent(proposal.intent), proposal)
    return filled_by(conversation, said.template, said.found) if said else None


def _formed(
    turn_id: str, speculation: int, action: str, proposal: Proposal, words: str, what: str
) -> d.CandidateFormed:
    return d.CandidateFormed(
        candidate_id=f"{turn_id}.s{speculation}.{what}.{proposal.proposal_id}",
        speculation=speculation,
        intent=proposal.intent,
        action=action,
        origin="tool",
        text=words,
    )


def _untold(conversation: Conversation) -> Proposal | None:
    who = conversation.subject.subject_id if conversation.subject else None
    return next(
        (
            p
            for p in conversation.proposals.values()
            if p.outcome and p.subject_id == who and p.tellings < MOST_TELLINGS
        ),
        None,
    )


def _tells(turn: Turn, proposal: Proposal) -> bool:
    return any(c.candidate_id == proposal.told_by for c in turn.candidates.values())


def _has(turn: Turn, what: str) -> bool:
    return any(f".s{turn.speculation}.{what}." in c.candidate_id for c in turn.candidates.values())


def _fallback(conversation: Conversation) -> str:
    return conversation.behaviour.lines.fallback
