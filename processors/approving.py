"""Decider: a proposal is approved by a plain yes in the very next turn after it was heard to its end, with nothing said in
between, or it lapses. "Yes, block it" is as good, where that is the question said again.

The approval names the proposal's digest. A yes counts once the caller's words are final, every guardrail let them pass,
and the subject still holds the level; what isn't plainly yes or no lets the proposal lapse, and is answered as any words.
Words that are about nothing else ("yes" before it was heard to its end, or to "Are you still there?", "right", a murmur)
would be answered as if all were done ("Good. What else can I do for you?"): after these it is looked up and read back again.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.assent import Assent
from agent_core.authorisation import Refusal, still_authorised
from agent_core.conversation import Caller, Conversation, Turn
from agent_core.proposal import Proposal, awaiting
from agent_core.targets import target_of, words_are_clear
from agent_core.tools.base import read_result
from agent_core.tools.registry import every
from agent_core.wording import filled_by
from processors.candidates import formed
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.TurnCommitted, f.ScoresReturned, d.VerdictIssued, f.CallerSpeechDismissed)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or turn.cause != "utterance" or not turn.committed or turn.errand or turn.chosen:
        return
    proposal = awaiting(conversation.proposals, turn.turn_id)
    if proposal is None:
        if turn.lapsed:
            yield from _read_back_again(conversation, turn, turn.lapsed)
        return
    said = conversation.behaviour.hears(turn.question.removeprefix(turn.carried), _asked(conversation, proposal))
    why_not = _why_not(conversation, proposal, event.accepted_at_us)
    if no_answer := _no_answer(conversation, proposal, turn, said):
        yield _lapsed(proposal, no_answer)
        yield from _read_back_again(conversation, turn, proposal)
    elif conversation.caller is not Caller.SILENT or not words_are_clear(conversation):
        return  # they go on speaking, or a guardrail has yet to judge, or refuses: then the turn is about that
    elif said is Assent.NO:
        yield _lapsed(proposal, "declined")
        intent = conversation.behaviour.intent(proposal.intent)
        words = filled_by(conversation, (intent and intent.declined) or "", read_result(proposal.state))
        instead = conversation.behaviour.lines.refusal
        yield formed(conversation, turn.turn_id, "declined", proposal.intent, words or instead)
    elif why_not:
        yield _lapsed(proposal, why_not)
        yield from _worked_on_again(turn, proposal.question)
    else:
        yield w.WriteApproved(
            proposal_id=proposal.proposal_id, digest=proposal.digest, approved_seq=conversation.last_caller_seq
        )


def _no_answer(conversation: Conversation, proposal: Proposal, turn: Turn, said: Assent) -> str | None:
    """Why the words aren't one. A no is, whatever was heard by then: nothing is done by it. But not of somebody else, to whom
    the words for it would tell what was found for the one before."""
    if said is Assent.NO:
        is_theirs = conversation.subject is not None and conversation.subject.subject_id == proposal.subject_id
        return None if is_theirs else Refusal.OTHER_SUBJECT.value
    if not proposal.heard:
        return "unheard"
    return None if said is Assent.YES and proposal.answer_turn == turn.turn_id else "not_confirmed"


def _read_back_again(conversation: Conversation, turn: Turn, lapsed: Proposal) -> Iterator[Decision]:
    """Of a yes as often as it is no approval; of other words once, so that nobody is asked for ever, and never where a no is
    among them."""
    subject = conversation.subject
    if subject is None or subject.subject_id != lapsed.subject_id or turn.question == lapsed.question:
        return
    if conversation.caller is not Caller.SILENT or not words_are_clear(conversation):
        return
    words, behaviour = turn.question.removeprefix(turn.carried), conversation.behaviour
    enough = lapsed.again or behaviour.hears_a_no(words) or not _are_about_nothing_else(conversation)
    if behaviour.hears(words, _asked(conversation, lapsed)) is Assent.YES or not enough:
        yield from _worked_on_again(turn, lapsed.question)


def _are_about_nothing_else(conversation: Conversation) -> bool:
    """What only goes along, and what isn't understood. Unknown, and so False, before the words are classified."""
    target = target_of(conversation)
    intent = conversation.behaviour.intent(target.intent) if target and target.action == "answer" else None
    goes_along = intent is not None and intent.advances and not conversation.open_procedure
    return goes_along or (target is not None and target.action == "clarify")


def _worked_on_again(turn: Turn, question: str) -> Iterator[Decision]:
    yield d.SpeculationDropped(speculation=turn.speculation, reason="request_changed")
    yield d.SpeculationOpened(speculation=turn.speculation + 1, question=question)


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
