"""``ledgerline show --at``: one event of a call, with the state around it, its causes and its effects."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from console.event_lines import event_line
from console.failures import UsageError, tell_damage
from console.find_call import find_call
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from projections.effective_log import conversation_events
from projections.event_at import EventAt, FieldChange, LinkedEvent, event_at
from schemas.event import Event

VALUE_COLUMNS = 100  # a longer value is cut: the whole one is in --json


def run(*, call_id: str, seq: int, data: Path | None, log: str | None, as_json: bool) -> int:
    events = asyncio.run(_events(load_settings(data, log), call_id))
    found = event_at(events, seq) if events else None
    if found is None:
        last = events[-1].seq if events else 0
        raise UsageError(f"--at {seq}: this call has events 1 to {last}")
    if as_json:
        print_json(found)
    else:
        tell("\n".join(_told(found, events)))
    return 0


async def _events(settings: Settings, wanted: str) -> list[Event]:
    async with open_workspace(settings, create=False) as workspace:
        call_id = await find_call(workspace, wanted)
        await workspace.codec.prepare([call_id])
        return await conversation_events(workspace.stores.ledger, workspace.codec, call_id, tell_damage)


def _told(found: EventAt, events: Sequence[Event]) -> Iterator[str]:
    by_seq = {event.seq: event for event in events}
    yield event_line(by_seq[found.event.seq], found.event.since_ms)
    yield f"  id {found.event.event_id}: ledgerline as-of before:{found.event.event_id} is the moment before its step"
    yield "\ncaused by" if found.causes else "\ncaused by nothing that stands on the log"
    yield from (_line(link, by_seq) for link in found.causes)
    yield "\nchanged of the state"
    yield from (_change(change) for change in found.changed)
    yield "\nled to" if found.effects else "\nled to nothing"
    yield from (_line(link, by_seq) for link in found.effects)


def _line(link: LinkedEvent, by_seq: dict[int, Event]) -> str:
    return f"{'  ' * min(link.depth, 6)}{event_line(by_seq[link.seq], link.since_ms).lstrip()}"


def _change(change: FieldChange) -> str:
    return f"  {change.path}: {_value(change.before)} → {_value(change.after)}"


def _value(value: Any) -> str:
    if value is None:
        return "-"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_COLUMNS else text[: VALUE_COLUMNS - 1] + "…"
