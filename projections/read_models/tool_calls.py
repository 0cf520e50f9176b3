"""Tool calls: which were asked or refused, for which level, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen, TurnId
from projections.sealed_text import sealed_field
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.event import Event


class ToolCallRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    seq: Annotated[int, Meta(description="Of the ToolRequested or ToolRefused.")]
    turn_id: TurnId
    ask_id: Annotated[str | None, Meta(description="NULL where it was refused: nothing was asked.")]
    tool: Annotated[str, Meta(description="Its name.")]
    intent: Annotated[str | None, Meta(description="The question that needs it; NULL: another system called it.")]
    level: Annotated[str | None, Meta(description="What it requires of the caller; NULL: another system called it.")]
    subject_seq: Annotated[int | None, Meta(description="seq of the fact that gave the level; NULL: refused.")]
    state: Annotated[str, Meta(description="open, returned, failed, cancelled or refused.")]
    reason: Annotated[str | None, Meta(description="Of the failure or the refusal.")]
    generation: Annotated[int, Meta(description="How often it was asked again after an owner was lost.")]
    took_ms: Annotated[float | None, Meta(description="From its start to its outcome.")]
    arguments: Annotated[Sealed | None, Meta(description="JSON.")]
    result: Annotated[Sealed | None, Meta(description="JSON.")]
    asked_us: Annotated[int, Meta(description="It was asked or refused.")]
    over_us: Annotated[int | None, Meta(description="Its outcome was taken; NULL while it is open.")]


class ToolCalls:
    def __init__(self) -> None:
        self._open: dict[str, ToolCallRow] = {}

    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if isinstance(payload, h.ToolCallImported):
            return (_imported(event, payload),)
        if isinstance(payload, d.ToolRequested | d.ToolRefused):
            return (self._asked(seen, payload),)
        row = self._open.get(getattr(payload, "ask_id", ""))
        if row is None:
            return ()
        changes: dict[str, object] = {"over_us": event.accepted_at_us}
        if isinstance(payload, d.AskRepeated):
            changes = {"generation": payload.generation}
        elif isinstance(payload, f.ToolReturned):
            result = sealed_field(event, "result")
            changes |= {"state": "returned", "took_ms": payload.elapsed_ms, "result": result, "reason": None}
        elif isinstance(payload, f.EffectFailed):
            changes |= {"state": "failed", "took_ms": payload.elapsed_ms, "reason": payload.reason}
        elif isinstance(payload, f.EffectCancelled):
            changes |= {"state": "cancelled", "took_ms": payload.elapsed_ms}
        row = self._open[row.ask_id or ""] = msgspec.structs.replace(row, **changes)
        return (row,)

    def _asked(self, seen: Seen, payload: d.ToolRequested | d.ToolRefused) -> ToolCallRow:
        event = seen.event
        requested = payload if isinstance(payload, d.ToolRequested) else None
        row = ToolCallRow(
            conversation_id=event.conversation_id,
            seq=event.seq,
            turn_id=event.turn_id,
            ask_id=requested.ask_id if requested else None,
            tool=payload.tool,
            intent=payload.intent,
            level=payload.level,
            subject_seq=requested.subject_seq if requested else None,
            state="open" if requested else "refused",
            reason=None if requested else getattr(payload, "reason", None),
            generation=0,
            took_ms=None,
            arguments=sealed_field(event, "arguments"),
            result=None,
            asked_us=event.accepted_at_us,
            over_us=None if requested else event.accepted_at_us,
        )
        if requested:
            self._open[requested.ask_id] = row
        return row


def _imported(event: Event, call: h.ToolCallImported) -> ToolCallRow:
    return ToolCallRow(
        conversation_id=event.conversation_id,
        seq=event.seq,
        turn_id=event.turn_id,
        ask_id=call.call_id,
        tool=call.tool,
        intent=None,
        level=None,
        subject_seq=None,
        state="failed" if call.failed else "returned",
        reason=call.failed or None,
        generation=0,
        took_ms=call.elapsed_ms,
        arguments=sealed_field(event, "arguments"),
        result=sealed_field(event, "result"),
        asked_us=event.accepted_at_us,
        over_us=event.accepted_at_us,
    )


TOOL_CALLS = ReadModel(
    name="tool_calls",
    version=2,
    about="One row a tool that was asked or refused.",
    row=ToolCallRow,
    key=("conversation_id", "seq"),
    day="asked_us",
    handles=frozenset(
        {
            h.ToolCallImported,
            d.ToolRequested,
            d.ToolRefused,
            d.AskRepeated,
            f.ToolReturned,
            f.EffectFailed,
            f.EffectCancelled,
        }
    ),
    fold=ToolCalls,
)
