"""Candidates: every possible answer, what became of it, and why. Its fate is the shared reducer's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from agent_core.conversation import Conversation
from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen, TurnId
from projections.sealed_text import sealed_field
from schemas import decisions as d
from schemas import facts as f

_BLOCKED = "blocked:"


class CandidateRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    candidate_id: Annotated[str, Meta(description="The candidate, unique in its conversation.")]
    turn_id: TurnId
    speculation: Annotated[int, Meta(description="The speculation of the turn that it belongs to.")]
    intent: Annotated[str, Meta(description="The question that it answers.")]
    action: Annotated[str, Meta(description="answer, tool, refuse, escalate, close, clarify, fallback, greet, …")]
    origin: Annotated[str, Meta(description="model, approved or tool.")]
    fate: Annotated[str, Meta(description="judged, accepted, dropped or chosen.")]
    reason: Annotated[
        str | None,
        Meta(description="Why it was dropped: blocked:GUARDRAIL, irrelevant, superseded, slower, invalid:WHY, …"),
    ]
    blocked_by: Annotated[str | None, Meta(description="The guardrail that blocked it.")]
    said: Annotated[bool, Meta(description="Its first sound left for the caller.")]
    step_id: Annotated[str | None, Meta(description="The procedure step that it says.")]
    ask_id: Annotated[str | None, Meta(description="The model call or tool that it comes from.")]
    attempt: Annotated[int | None, Meta(description="Of that model call.")]
    text: Annotated[Sealed | None, Meta(description="What it would say.")]
    formed_us: Annotated[int, Meta(description="It was formed.")]
    settled_us: Annotated[int | None, Meta(description="It was dropped or chosen.")]


class Candidates:
    def __init__(self) -> None:
        self._rows: dict[str, CandidateRow] = {}

    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if isinstance(payload, d.CandidateFormed):
            row = CandidateRow(
                conversation_id=event.conversation_id,
                candidate_id=payload.candidate_id,
                turn_id=seen.turn_id,
                speculation=payload.speculation,
                intent=payload.intent,
                action=payload.action,
                origin=payload.origin,
                fate="judged",
                reason=None,
                blocked_by=None,
                said=False,
                step_id=payload.step_id or None,
                ask_id=payload.ask_id or None,
                attempt=payload.attempt if payload.ask_id else None,
                text=sealed_field(event, "text"),
                formed_us=event.accepted_at_us,
                settled_us=None,
            )
        else:
            known = self._rows.get(getattr(payload, "candidate_id", ""))
            if known is None:
                return ()
            row = known
        row = self._told(row, seen)
        self._rows[row.candidate_id] = row
        return (row,)

    def _told(self, row: CandidateRow, seen: Seen) -> CandidateRow:
        payload, at_us = seen.event.payload, seen.event.accepted_at_us
        fate = _fate(seen.after, row.candidate_id) or row.fate
        changes: dict[str, object] = {"fate": fate}
        if isinstance(payload, d.CandidateDropped):
            blocked = payload.reason.startswith(_BLOCKED)
            changes |= {"fate": "dropped", "reason": payload.reason, "settled_us": at_us}
            changes |= {"blocked_by": payload.reason.removeprefix(_BLOCKED) if blocked else None}
        elif isinstance(payload, f.SpeechFailed) and fate == "dropped":
            changes |= {"reason": f"not_rendered:{payload.reason}", "settled_us": at_us}
        elif isinstance(payload, d.Spoken):
            changes |= {"settled_us": at_us}
        elif isinstance(payload, f.ReplyRefused) and fate == "accepted":  # it may be chosen again
            changes |= {"settled_us": None}
        elif isinstance(payload, f.SpeechStarted):
            changes |= {"said": True}
        return msgspec.structs.replace(row, **changes)


def _fate(conversation: Conversation, candidate_id: str) -> str | None:
    """None where its turn is over: then its last fate stands."""
    candidate = conversation.turn.candidates.get(candidate_id) if conversation.turn else None
    return candidate.fate.value if candidate else None


CANDIDATES = ReadModel(
    name="candidates",
    version=3,
    about="One row a candidate: what it would say, its fate, and the typed reason.",
    row=CandidateRow,
    key=("conversation_id", "candidate_id"),
    day="formed_us",
    handles=frozenset(
        {
            d.CandidateFormed,
            d.CandidateAccepted,
            d.CandidateDropped,
            d.ReplyChosen,
            d.EscalationChosen,
            d.CloseChosen,
            f.SpeechStarted,
            f.SpeechFailed,
            f.ReplyRefused,
        }
    ),
    fold=Candidates,
)
