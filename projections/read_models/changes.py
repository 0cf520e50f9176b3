"""Changes: what was proposed to callers, what they approved, what became of it, and whether they heard that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from projections.read_models.definition import ConversationId, ReadModel, Row, Seen
from schemas import facts as f
from schemas import writing as w


class ChangeRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    proposal_id: Annotated[str, Meta(description="The proposal.")]
    seq: Annotated[int, Meta(description="Of the WriteProposed.")]
    turn_id: Annotated[str | None, Meta(description="The turn in which it was proposed.")]
    intent: Annotated[str, Meta(description="What the caller wanted.")]
    tool: Annotated[str, Meta(description="What changes something.")]
    state: Annotated[
        str,
        Meta(
            description="proposed, lapsed, approved (being done, or undone), done, failed (nothing of it stands), changed "
            "(nothing was done), unknown (a person must look)."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it lapsed, or what failed.")]
    proposed_us: Annotated[int, Meta(description="It was proposed.")]
    approved_us: Annotated[int | None, Meta(description="The caller approved it.")]
    over_us: Annotated[int | None, Meta(description="It lapsed, or was settled; NULL while it is open.")]
    told_us: Annotated[
        int | None, Meta(description="The caller had heard what became of it; NULL: not to the end, or not at all.")
    ]


class Changes:
    def __init__(self) -> None:
        self._rows: dict[str, ChangeRow] = {}

    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        at_us = event.accepted_at_us
        if isinstance(payload, w.WriteProposed):
            return (self._keep(_proposed(seen, payload)),)
        if isinstance(payload, f.SpeechCompleted | f.SpeechInterrupted):
            over_with = seen.before.proposals.keys() - seen.after.proposals.keys()
            return [
                self._keep(replace(self._rows[name], told_us=at_us)) for name in sorted(over_with & self._rows.keys())
            ]
        row = self._rows.get(getattr(payload, "proposal_id", ""))
        if row is None:
            return ()
        if isinstance(payload, w.WriteApproved):
            return (self._keep(replace(row, state="approved", approved_us=at_us)),)
        if isinstance(payload, w.WriteLapsed):
            return (self._keep(replace(row, state="lapsed", reason=payload.reason, over_us=at_us)),)
        assert isinstance(payload, w.WriteEnded)
        return (self._keep(replace(row, state=payload.outcome, reason=payload.reason or None, over_us=at_us)),)

    def _keep(self, row: ChangeRow) -> ChangeRow:
        self._rows[row.proposal_id] = row
        return row


def _proposed(seen: Seen, payload: w.WriteProposed) -> ChangeRow:
    return ChangeRow(
        conversation_id=seen.event.conversation_id,
        proposal_id=payload.proposal_id,
        seq=seen.event.seq,
        turn_id=seen.event.turn_id,
        intent=payload.intent,
        tool=payload.tool,
        state="proposed",
        reason=None,
        proposed_us=seen.event.accepted_at_us,
        approved_us=None,
        over_us=None,
        told_us=None,
    )


CHANGES = ReadModel(
    name="changes",
    version=2,
    about="One row a change that was proposed to a caller, and what became of it.",
    row=ChangeRow,
    key=("conversation_id", "proposal_id"),
    day="proposed_us",
    handles=frozenset(
        {w.WriteProposed, w.WriteApproved, w.WriteLapsed, w.WriteEnded, f.SpeechCompleted, f.SpeechInterrupted}
    ),
    fold=Changes,
)
