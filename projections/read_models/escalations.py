"""Escalations: where a person was chosen, why, and whether the caller heard it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen, TurnId
from projections.sealed_text import sealed_field
from schemas import decisions as d
from schemas import facts as f


class EscalationRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    seq: Annotated[int, Meta(description="Of the EscalationChosen.")]
    turn_id: TurnId
    candidate_id: Annotated[str, Meta(description="The candidate that says so.")]
    intent: Annotated[str, Meta(description="What the caller wanted.")]
    reason: Annotated[str, Meta(description="Why a person takes over.")]
    text: Annotated[Sealed | None, Meta(description="What the caller is told.")]
    chosen_us: Annotated[int, Meta(description="It was decided.")]
    said_us: Annotated[int | None, Meta(description="Its first sound left for the caller; NULL: it didn't.")]


class Escalations:
    def __init__(self) -> None:
        self._unsaid: dict[str, EscalationRow] = {}  # by candidate

    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if isinstance(payload, d.EscalationChosen):
            row = self._unsaid[payload.candidate_id] = EscalationRow(
                conversation_id=event.conversation_id,
                seq=event.seq,
                turn_id=seen.turn_id,
                candidate_id=payload.candidate_id,
                intent=payload.intent,
                reason=payload.reason,
                text=sealed_field(event, "text"),
                chosen_us=event.accepted_at_us,
                said_us=None,
            )
            return (row,)
        if isinstance(payload, f.SpeechStarted) and payload.candidate_id in self._unsaid:
            unsaid = self._unsaid.pop(payload.candidate_id)
            return (msgspec.structs.replace(unsaid, said_us=event.accepted_at_us),)
        return ()


ESCALATIONS = ReadModel(
    name="escalations",
    version=3,
    about="One row each time that a person was chosen to take over.",
    row=EscalationRow,
    key=("conversation_id", "seq"),
    day="chosen_us",
    handles=frozenset({d.EscalationChosen, f.SpeechStarted}),
    fold=Escalations,
)
