"""Verdicts: what each guardrail said of a candidate, or of the caller's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Seen, TurnId
from schemas import decisions as d


class VerdictRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    seq: Annotated[int, Meta(description="Of the VerdictIssued.")]
    turn_id: TurnId
    guardrail: Annotated[str, Meta(description="Its name.")]
    guardrail_version: Annotated[str, Meta(description="Its version when it judged.")]
    stage: Annotated[str, Meta(description="input (the caller's words) or output (a candidate).")]
    candidate_id: Annotated[str | None, Meta(description="The candidate; NULL: the caller's words.")]
    speculation: Annotated[int, Meta(description="The speculation of the turn that it belongs to.")]
    passed: Annotated[bool, Meta(description="Nothing was found against it.")]
    required: Annotated[bool, Meta(description="Without it nothing is said.")]
    blocked: Annotated[bool, Meta(description="Required, and not passed.")]
    reasons: Annotated[str, Meta(description="Separated by commas; empty where there are none.")]
    evidence: Annotated[
        str, Meta(description="Where in the text, as START-END in characters, separated by commas; never the words.")
    ]
    issued_us: Annotated[int, Meta(description="It was decided.")]


class Verdicts:
    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if not isinstance(payload, d.VerdictIssued):
            return ()
        row = VerdictRow(
            conversation_id=event.conversation_id,
            seq=event.seq,
            turn_id=event.turn_id,
            guardrail=payload.guardrail,
            guardrail_version=payload.guardrail_version,
            stage=payload.stage,
            candidate_id=payload.candidate_id or None,
            speculation=payload.speculation,
            passed=payload.passed,
            required=payload.required,
            blocked=payload.required and not payload.passed,
            reasons=",".join(payload.reasons),
            evidence=",".join(f"{span.start}-{span.end}" for span in payload.evidence),
            issued_us=event.accepted_at_us,
        )
        return (row,)


VERDICTS = ReadModel(
    name="verdicts",
    version=2,
    about="One row a verdict of a guardrail.",
    row=VerdictRow,
    key=("conversation_id", "seq"),
    day="issued_us",
    handles=frozenset({d.VerdictIssued}),
    changes=False,
    fold=Verdicts,
)
