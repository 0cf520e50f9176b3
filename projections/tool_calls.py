"""The tools of a turn: which were asked or refused, for which level, and what became of it; each step of a change is one.
Never what they found."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.base import Payload


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """``state``: open, returned, failed, cancelled, refused. ``reason``: of a failure, or of the refusal. ``level``: what
    the tool requires of the caller. ``subject_seq``: seq of the fact that gave it, null where it was refused. ``intent`` and
    ``level`` are null where another system called it, ``level`` also of an undoing. ``tool``: its name; name/step where it
    changes something, name/step/undo where that is taken back."""

    tool: str
    intent: str | None
    level: str | None
    state: str = "open"
    reason: str | None = None
    subject_seq: int | None = None
    took_ms: float | None = None


class ToolCallsFold:
    def __init__(self) -> None:
        self._calls: dict[str, ToolCall] = {}  # by ask; a refusal by its number

    def take(self, payload: Payload) -> None:
        """An event of the turn, in order."""
        if isinstance(payload, d.ToolRequested):
            self._calls[payload.ask_id] = ToolCall(
                tool=payload.tool, intent=payload.intent, level=payload.level, subject_seq=payload.subject_seq
            )
        elif isinstance(payload, w.WriteRequested):
            self._calls[payload.ask_id] = ToolCall(
                tool=asked_name(payload), intent=payload.intent, level=payload.level, subject_seq=payload.subject_seq
            )
        elif isinstance(payload, w.UndoRequested):
            self._calls[payload.ask_id] = ToolCall(tool=asked_name(payload), intent=payload.intent, level=None)
        elif isinstance(payload, d.ToolRefused):
            refused = ToolCall(
                tool=payload.tool, intent=payload.intent, level=payload.level, state="refused", reason=payload.reason
            )
            self._calls[f"refused {len(self._calls)}"] = refused
        elif isinstance(payload, d.AskRepeated):
            self._over(payload.ask_id, "open", None, None)
        elif isinstance(payload, f.ToolReturned | w.WriteReturned):
            self._over(payload.ask_id, "returned", None, payload.elapsed_ms)
        elif isinstance(payload, f.EffectFailed):
            self._over(payload.ask_id, "failed", payload.reason, payload.elapsed_ms)
        elif isinstance(payload, f.EffectCancelled):
            self._over(payload.ask_id, "cancelled", None, payload.elapsed_ms)

    def report(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls.values())

    def _over(self, ask_id: str, state: str, reason: str | None, took_ms: float | None) -> None:
        call = self._calls.get(ask_id)
        if call:
            self._calls[ask_id] = replace(call, state=state, reason=reason, took_ms=took_ms)


def asked_name(payload: d.ToolRequested | d.ToolRefused | w.WriteRequested | w.UndoRequested) -> str:
    """As reports and rows name it."""
    if isinstance(payload, w.UndoRequested):
        return f"{payload.tool}/{payload.step}/undo"
    return f"{payload.tool}/{payload.step}" if isinstance(payload, w.WriteRequested) else payload.tool
