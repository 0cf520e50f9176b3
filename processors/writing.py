"""Decider: carries out what was approved, step by step; tries again what isn't known; undoes what can't be finished.

    approved ─ step 1 ─ step 2 … ─ done
                  └─ refused, or its outcome stays unknown: undo in reverse ─ failed | unknown

It goes on when the turn is over and when the call is: an approved change is finished or undone, never left half done.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Ask, Conversation
from agent_core.ports import FailureReason
from agent_core.proposal import MOST_TRIES, Proposal
from agent_core.tools.base import Step, Tool
from agent_core.tools.registry import every
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Decision
from schemas.event import Event, derived_id

HANDLES = (w.WriteApproved, w.WriteReturned, f.EffectFailed)
NOTHING_DONE = frozenset(
    {
        FailureReason.REFUSED.value,
        FailureReason.UNAUTHORISED.value,
        FailureReason.MISSING.value,
        FailureReason.STALE.value,
    }
)
"""Reasons after which a step has had no effect, for certain. Any other leaves that open."""


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload = event.payload
    if isinstance(payload, w.WriteApproved):
        proposal = conversation.proposals.get(payload.proposal_id)
        tool = every().get(proposal.tool) if proposal else None
        if proposal and tool:
            yield _request(conversation, proposal, tool, tool.steps[0], event.accepted_at_us)
        return
    if not isinstance(payload, w.WriteReturned | f.EffectFailed):
        return
    ask = conversation.asks.get(payload.ask_id)
    if ask is None or not isinstance(ask.payload, w.WriteRequested | w.UndoRequested):
        return
    proposal, tool = conversation.proposals.get(ask.payload.proposal_id), every().get(ask.payload.tool)
    if proposal is None or tool is None or proposal.outcome:
        return
    if isinstance(payload, f.EffectFailed):
        yield from _failed(conversation, proposal, tool, ask, payload.reason)
    elif isinstance(ask.payload, w.UndoRequested):
        yield from _undo(conversation, proposal, tool)
    else:
        yield from _next(conversation, proposal, tool, ask.payload.step, event.accepted_at_us)


def _next(conversation: Conversation, proposal: Proposal, tool: Tool, done: str, at_us: int) -> Iterator[Decision]:
    names = [step.name for step in tool.steps]
    left = tool.steps[names.index(done) + 1 :] if done in names else ()
    if left:
        yield _request(conversation, proposal, tool, left[0], at_us)
    else:
        yield w.WriteEnded(proposal_id=proposal.proposal_id, outcome="done")


def _failed(conversation: Conversation, proposal: Proposal, tool: Tool, ask: Ask, reason: str) -> Iterator[Decision]:
    # Asked again, an earlier run of it may still be on its way: then even a refusal tells nothing for certain.
    nothing_done = reason in NOTHING_DONE and ask.generation == 0
    if not nothing_done and ask.generation + 1 < MOST_TRIES:
        yield d.AskRepeated(ask_id=ask.ask_id, generation=ask.generation + 1)
    elif isinstance(ask.payload, w.UndoRequested):
        yield w.WriteEnded(proposal_id=proposal.proposal_id, outcome="unknown", reason=reason)
    elif reason == FailureReason.STALE.value and nothing_done:
        yield w.WriteEnded(proposal_id=proposal.proposal_id, outcome="changed", reason=reason)
    else:
        yield from _undo(conversation, proposal, tool, reason=reason, unknown=not nothing_done)


def _undo(
    conversation: Conversation, proposal: Proposal, tool: Tool, *, reason: str = "", unknown: bool = False
) -> Iterator[Decision]:
    """The newest step that may stand is undone first. ``unknown``: the step that failed may have taken effect as well."""
    asked = {
        ask.payload.step
        for ask in conversation.asks.values()
        if isinstance(ask.payload, w.UndoRequested) and ask.payload.proposal_id == proposal.proposal_id
    }
    failed = next((step for step in tool.steps if step.name not in proposal.results), None)
    stands = [s for s in tool.steps if s.name in proposal.results or (s is failed and (unknown or s.name in asked))]
    left = [step for step in stands if step.name not in proposal.undone]
    reason = reason or proposal.failed
    if not left:
        yield w.WriteEnded(proposal_id=proposal.proposal_id, outcome="failed", reason=reason)
    elif not left[-1].undoable:
        yield w.WriteEnded(proposal_id=proposal.proposal_id, outcome="unknown", reason=reason)
    else:
        yield _undoing(conversation, proposal, tool, left[-1], reason)


def _request(conversation: Conversation, proposal: Proposal, tool: Tool, step: Step, at_us: int) -> w.WriteRequested:
    first = step is tool.steps[0]
    return w.WriteRequested(
        ask_id=f"{proposal.proposal_id}.{step.name}",
        proposal_id=proposal.proposal_id,
        intent=proposal.intent,
        tool=tool.name,
        step=step.name,
        arguments=proposal.arguments,
        state=proposal.state,
        digest=proposal.digest,
        idempotency_key=key_of(conversation, proposal, step),
        level=tool.level.value,
        subject_seq=proposal.subject_seq,
        reread=first and at_us > proposal.read_at_us + tool.fresh_ms * 1000,
        timeout_ms=step.timeout_ms,
    )


def _undoing(conversation: Conversation, proposal: Proposal, tool: Tool, step: Step, reason: str) -> w.UndoRequested:
    return w.UndoRequested(
        ask_id=f"{proposal.proposal_id}.{step.name}.undo",
        proposal_id=proposal.proposal_id,
        intent=proposal.intent,
        tool=tool.name,
        step=step.name,
        arguments=proposal.arguments,
        idempotency_key=key_of(conversation, proposal, step, undo=True),
        undoes=key_of(conversation, proposal, step),
        reason=reason,
        timeout_ms=step.timeout_ms,
    )


def key_of(conversation: Conversation, proposal: Proposal, step: Step, *, undo: bool = False) -> str:
    """The same in every owner: a step that is asked again, by whom ever, is the same change."""
    return derived_id(conversation.id, f"{proposal.proposal_id}/{step.name}", int(undo))
