"""A conversation that another system ran, as lines of text: nobody raced in it, so there is no race to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from projections.wall_time import iso_time
from schemas import history as h
from schemas.event import Event

_SPEAKERS = {"caller": "caller", "agent": "agent ", "system": "system"}


def is_history(events: Sequence[Event]) -> bool:
    return bool(events) and isinstance(events[0].payload, h.ConversationImported)


def history_lines(events: Sequence[Event]) -> Iterator[str]:
    """``events``: the effective events of one imported conversation, in order."""
    first = events[0].payload
    assert isinstance(first, h.ConversationImported)
    yield f"{events[0].conversation_id}: from {first.source} ({first.outside_id}), {iso_time(events[0].accepted_at_us)}"
    for event in events[1:]:
        line = _line(event)
        if line:
            yield f"{event.seq:>4}  {event.turn_id or '':<4} {line}"


def _line(event: Event) -> str | None:
    payload = event.payload
    if isinstance(payload, h.MessageImported):
        return f"{_SPEAKERS.get(payload.role, payload.role)}  {' '.join(payload.text.split())}"
    if isinstance(payload, h.ModelCallImported):
        spent = ", ".join(
            part
            for part in (
                " ".join(name for name in (payload.provider, payload.model) if name),
                f"{payload.total_ms:.0f} ms" if payload.total_ms is not None else "",
                payload.failed,
            )
            if part
        )
        return f"model   {spent or 'asked'}"
    if isinstance(payload, h.ToolCallImported):
        return f"tool    {payload.tool}{f', {payload.failed}' if payload.failed else ''}"
    if isinstance(payload, h.ImportedConversationEnded):
        return f"over    {payload.reason}"
    return None
