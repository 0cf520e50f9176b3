"""Tool calls: which were asked or refused, for which level, and what became of them; each step of a change, and each undoing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen, TurnId
from projections.sealed_text import sealed_field
from projections.tool_calls import asked_name
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas import writing as w
from schemas.event import Happening

Asked = d.ToolRequested | d.ToolRefused | w.WriteRequested | w.UndoRequested


class ToolCallRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    seq: Annotated[int, Meta(description="Of the ToolRequested, WriteRequested, UndoRequested or ToolRefused.")]
    turn_id: TurnId
    ask_id: Annotated[str | None, Meta(description="NULL where it was refused: nothing was asked.")]
    tool: Annotated[
        str,
        Meta(description="Its name; name/step where it changes something, name/step/undo where that is taken back."),
    ]
    intent: Annotated[str | None, Meta(description="The question that needs it; NULL: another system called it.")]
    level: Annotated[
        str | None, Meta(description="What it requires of the caller; NULL: an undoing, or another system called it.")
    ]
    subject_seq: Annotated[
        int | None, Meta(description="seq of the event that gave the level; NULL: refused, or an undoing.")
    ]
    state: Annotated[str, Meta(description="open, returned, failed, cancelled or refused.")]
    reason: Annotated[str | None, Meta(description="Of the failure or the refusal.")]
    generation: Annotated[
        int, Meta(description="How often it was asked again: an owner was lost, or it wasn't known what came of it.")
    ]
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
        if isinstance(payload, d.ToolRequested | d.ToolRefused | w.WriteRequested | w.UndoRequested):
            return (self._asked(seen, payload),)
        row = self._open.get(getattr(payload, "ask_id", ""))
        if row is None:
            return ()
        changes: dict[str, object] = {"over_us": event.accepted_at_us}
        if isinstance(payload, d.AskRepeated):
            changes = {"generation": payload.generation, "state": "open", "reason": None, "over_us": None}
        elif isinstance(payload, f.ToolReturned | w.WriteReturned):
            result = sealed_field(event, "result")
            changes |= {"state": "returned", "took_ms": payload.elapsed_ms, "result": result, "reason": None}
        elif isinstance(payload, f.EffectFailed):
            changes |= {"state": "failed", "took_ms": payload.elapsed_ms, "reason": payload.reason}
        elif isinstance(payload, f.EffectCancelled):
            changes |= {"state": "cancelled", "took_ms": payload.elapsed_ms}
        row = self._open[row.ask_id or ""] = msgspec.structs.replace(row, **changes)
        return (row,)

    def _asked(self, seen: Seen, payload: Asked) -> ToolCallRow:
        event, refused = seen.event, isinstance(payload, d.ToolRefused)
        ask_id: str | None = getattr(payload, "ask_id", None)
        row = ToolCallRow(
            conversation_id=event.conversation_id,
            seq=event.seq,
            turn_id=event.turn_id,
            ask_id=ask_id,
            tool=asked_name(payload),
            intent=payload.intent,
            level=getattr(payload, "level", None),
            subject_seq=getattr(payload, "subject_seq", None),
            state="refused" if refused else "open",
            reason=payload.reason if isinstance(payload, d.ToolRefused) else None,
            generation=0,
            took_ms=None,
            arguments=sealed_field(event, "arguments"),
            result=None,
            asked_us=event.accepted_at_us,
            over_us=event.accepted_at_us if refused else None,
        )
        if ask_id:
            self._open[ask_id] = row
        return row


def _imported(event: Happening, call: h.ToolCallImported) -> ToolCallRow:
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
    version=5,
    about="One row a tool that was asked or refused, and one a step of a change.",
    row=ToolCallRow,
    key=("conversation_id", "seq"),
    day="asked_us",
    handles=frozenset(
        {
            h.ToolCallImported,
            d.ToolRequested,
            d.ToolRefused,
            d.AskRepeated,
            w.WriteRequested,
            w.UndoRequested,
            f.ToolReturned,
            w.WriteReturned,
            f.EffectFailed,
            f.EffectCancelled,
        }
    ),
    fold=ToolCalls,
)
