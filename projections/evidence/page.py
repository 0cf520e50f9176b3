"""The page of an evidence folder: plain HTML without scripts, styles from elsewhere, or links that leave it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import msgspec

from projections.call_report import CallReport
from projections.evidence.sections import Versions
from projections.wall_time import iso_time
from schemas.event import Event

_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #bbb;padding:.25em .5em;text-align:left;vertical-align:top}pre{white-space:pre-wrap;margin:0}"
    "h1,td,pre{overflow-wrap:anywhere}"  # ids and hashes have no spaces, and a phone is narrow
)
_TITLES = {
    "prompts": "What models, search and guardrails were asked",
    "completions": "What models answered",
    "tool_calls": "Tools",
    "approvals": "Who and what was approved",
    "decisions": "Every decision",
}


def page(
    call_id: str,
    events: Sequence[Event],
    report: CallReport | None,
    versions: Versions,
    parts: dict[str, list[dict[str, Any]]],
) -> str:
    return "\n".join(_page(call_id, events, report, versions, parts)) + "\n"


def _page(
    call_id: str,
    events: Sequence[Event],
    report: CallReport | None,
    versions: Versions,
    parts: dict[str, list[dict[str, Any]]],
) -> Iterator[str]:
    name = escape(call_id)
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title><style>{_STYLE}</style><h1>{name}</h1>'
    if events:
        began, ended = iso_time(events[0].accepted_at_us), iso_time(events[-1].accepted_at_us)
        yield f"<p>{len(events)} events from {began} to {ended}. <code>python check.py PUBLIC_KEY</code> checks this folder.</p>"
    yield "<h2>Versions</h2><table>"
    for field, value in msgspec.to_builtins(versions).items():
        yield f"<tr><th>{escape(field)}</th><td><pre>{_text(value)}</pre></td></tr>"
    yield "</table><h2>What was heard and said</h2><table><tr><th>turn</th><th>heard</th><th>said</th><th>outcome</th></tr>"
    turns = (*report.turns, *report.agent_turns) if report else ()
    for turn in sorted(turns, key=lambda turn: turn.seq_from):
        cells = (turn.turn_id, turn.heard, turn.spoken, turn.outcome)
        yield f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"
    yield "</table>"
    for part, title in _TITLES.items():
        yield f"<h2>{title}</h2><table><tr><th>seq</th><th>turn</th><th>event</th><th>holds</th></tr>"
        for each in parts[part]:
            place = (each["seq"], each["turn_id"], each["type"])
            yield f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in place)}<td><pre>{_text(each['payload'])}</pre></td></tr>"
        yield "</table>"
    yield "</html>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1))
