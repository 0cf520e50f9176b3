"""Decider: what a tool that writes found becomes a proposal, and the words that ask the caller for their approval.

Nothing is done by it. The proposal is bound to its words, to the state that was found and to the subject: whatever of it
changes makes another proposal, which is asked for anew. Whose level ran out while the state was read is asked for a proof
again.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent_core.authorisation import SIGN_IN, still_authorised
from agent_core.conversation import Conversation, Turn
from agent_core.proposal import proposal_digest
from agent_core.tools.base import read_result
from agent_core.tools.registry import every, writes
from agent_core.wording import filled_by
from processors.candidates import FALLBACK, formed
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.ToolReturned,)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if turn is None or not turn.live or turn.chosen or turn.errand or not isinstance(payload, f.ToolReturned):
        return
    ask = conversation.asks.get(payload.ask_id)
    if ask is None or not isinstance(ask.payload, d.ToolRequested) or ask.speculation != turn.speculation:
        return
    if writes(ask.payload.tool) and ask.ask_id in turn.results:
        yield from _proposed(conversation, turn, ask.payload, payload.result, event.accepted_at_us)


def _proposed(
    conversation: Conversation, turn: Turn, asked: d.ToolRequested, state: str, at_us: int
) -> Iterator[Decision]:
    intent, tool, subject = conversation.behaviour.intent(asked.intent), every()[asked.tool], conversation.subject
    words = filled_by(conversation, intent.confirm, read_result(state)) if intent and intent.confirm else None
    seq = still_authorised(tool, tool.read_arguments(asked.arguments), subject, at_us)
    if seq in SIGN_IN:
        yield d.SpeculationDropped(speculation=turn.speculation, reason="request_changed")
        yield d.SpeculationOpened(speculation=turn.speculation + 1, question=turn.question)
        return
    if words is None or subject is None or not isinstance(seq, int):
        yield formed(conversation, turn.turn_id, FALLBACK, asked.intent, conversation.behaviour.lines.fallback)
        return
    candidate = replace(formed(conversation, turn.turn_id, "propose", asked.intent, words), origin="tool")
    yield w.WriteProposed(
        proposal_id=f"{turn.turn_id}.s{turn.speculation}.write{conversation.proposed + 1}",
        intent=asked.intent,
        tool=asked.tool,
        arguments=asked.arguments,
        state=state,
        subject_seq=seq,
        candidate_id=candidate.candidate_id,
        digest=proposal_digest(
            conversation.context.digest_key(), subject.subject_id, asked.tool, asked.arguments, state, words
        ),
    )
    yield candidate
