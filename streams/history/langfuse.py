"""A Langfuse export: traces with their observations, as its public API (``GET /api/public/traces/{id}``) and its blob
export write them; a JSON array, JSON lines, or the API's pages (``{"data": [...]}``). Observations may also stand alone,
with a ``traceId``.

A conversation is one ``sessionId``, or a trace without one. ``GENERATION`` is a model call, ``TOOL`` a tool call, anything
else is kept. Where no generation says what was said, the trace's own ``input`` and ``output`` do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from streams.history.chat_messages import newest_exchange, parsed
from streams.history.json_records import json_records
from streams.history.order import Told, in_order, told_of
from streams.history.times import iso_of, us_of
from streams.history.transcript import (
    AnyEntry,
    BadHistoryError,
    Message,
    ModelCall,
    Read,
    Record,
    ToolCall,
    Transcript,
)


class _Observation(NamedTuple):
    place: str
    trace_id: str
    at_us: int
    raw: dict[str, Any]
    is_trace: bool = False


class _Session:
    def __init__(self, place: str) -> None:
        self.place, self.subject = place, ""
        self.observations: list[_Observation] = []


def read_langfuse(path: Path) -> Iterator[Read]:
    """Raises ``BadHistoryError``, ``OSError``."""
    sessions: dict[str, _Session] = {}
    session_of: dict[str, str] = {}  # by trace
    alone: list[tuple[str, dict[str, Any]]] = []
    for place, record in _records(path):
        if "traceId" in record and "type" in record:
            alone.append((place, record))
            continue
        trace_id = _text(record, "id", place)
        named = record.get("sessionId") or trace_id
        session = sessions.setdefault(named, _Session(place))
        session_of[trace_id] = named
        session.subject = session.subject or str(record.get("userId") or "")
        _take_trace(session, place, record)
    for place, record in alone:
        trace_id = _text(record, "traceId", place)
        named = session_of.get(trace_id, record.get("sessionId") or trace_id)
        session = sessions.setdefault(named, _Session(place))
        session.observations.append(_observation(place, trace_id, record))
    for named, session in sessions.items():
        yield _conversation(named, session)


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, value in json_records(path):
        page = value.get("data")
        if not isinstance(page, list):
            yield place, value
            continue
        for number, record in enumerate(page):
            if not isinstance(record, dict):
                raise BadHistoryError(f"{place}: data[{number}] is no record")
            yield f"{place}: data[{number}]", record


def _take_trace(session: _Session, place: str, trace: dict[str, Any]) -> None:
    observations = trace.get("observations") or []
    if not isinstance(observations, list):
        raise BadHistoryError(f"{place}: observations is no list")
    own = {name: part for name, part in trace.items() if name != "observations"}
    trace_id = _text(trace, "id", place)
    session.observations.append(_Observation(place, trace_id, _us(trace, "timestamp", place), own, is_trace=True))
    for number, raw in enumerate(observations):
        if isinstance(raw, dict):
            session.observations.append(_observation(f"{place}: observations[{number}]", trace_id, raw))
        elif not isinstance(raw, str):  # lists of traces hold the ids alone: the observations come apart from them
            raise BadHistoryError(f"{place}: observations[{number}] is no observation")


def _observation(place: str, trace_id: str, raw: dict[str, Any]) -> _Observation:
    _text(raw, "type", place)
    return _Observation(place, trace_id, _us(raw, "startTime", place), raw)


def _conversation(named: str, session: _Session) -> Read:
    ordered = sorted(session.observations, key=lambda each: each.at_us)  # a trace stands before what it holds
    told_of_trace = {each.trace_id for each in ordered if _is_generation(each)}
    told: list[Told] = []
    for each in ordered:
        is_told = each.trace_id in told_of_trace
        try:
            told += told_of(_of_trace(each, is_told) if each.is_trace else _entries(each), each.raw)
        except (TypeError, ValueError, AttributeError):
            raise BadHistoryError(f"{each.place}: a time, a count or a field is not as Langfuse writes it") from None
    entries, originals = in_order(told)
    transcript = Transcript(
        id=named, started_at=iso_of(ordered[0].at_us), entries=entries, channel="langfuse", subject=session.subject
    )
    return Read(transcript=transcript, place=session.place, original=None, originals=originals)


def _of_trace(each: _Observation, is_told: bool) -> Iterator[AnyEntry]:
    """``is_told``: by its generations."""
    yield Record(at=iso_of(each.at_us), name=str(each.raw.get("name") or "trace"))
    if not is_told:
        yield from _said(each, each.at_us)


def _is_generation(each: _Observation) -> bool:
    return not each.is_trace and each.raw["type"] == "GENERATION"


def _entries(each: _Observation) -> Iterator[AnyEntry]:
    raw, at = each.raw, iso_of(each.at_us)
    ended_us = us_of(raw["endTime"]) if raw.get("endTime") else None
    total_ms = None if ended_us is None else (ended_us - each.at_us) / 1000
    failed = str(raw.get("statusMessage") or "error") if raw.get("level") == "ERROR" else ""
    if _is_generation(each):
        said = _said(each, ended_us or each.at_us)
        usage = raw.get("usageDetails") or raw.get("usage") or {}
        first = raw.get("completionStartTime")
        cost = raw.get("calculatedTotalCost", (raw.get("costDetails") or {}).get("total"))
        yield from (message for message in said if message.role != "agent")
        yield ModelCall(
            at=at,
            messages=parsed(raw.get("input")),
            text="\n".join(m.text for m in said if m.role == "agent"),
            model=str(raw.get("model") or ""),
            prompt_version=_prompt(raw),
            input_tokens=_count(usage.get("input")),
            cached_tokens=_count(usage.get("input_cached_tokens", usage.get("cache_read_input_tokens"))),
            output_tokens=_count(usage.get("output")),
            cost_micros=round(float(cost) * 1e6) if isinstance(cost, int | float) else None,
            first_token_ms=(us_of(first) - each.at_us) / 1000 if first else None,
            total_ms=total_ms,
            error=failed,
        )
        yield from (message for message in said if message.role == "agent")
    elif raw["type"] == "TOOL":
        yield ToolCall(
            at=at,
            tool=str(raw.get("name") or "tool"),
            arguments=parsed(raw.get("input")),
            result=parsed(raw.get("output")),
            elapsed_ms=total_ms,
            error=failed,
        )
    else:
        yield Record(at=at, name=str(raw.get("name") or raw["type"]))


def _said(each: _Observation, ended_us: int) -> list[Message]:
    exchange = newest_exchange(each.raw.get("input"), each.raw.get("output"))
    times = {"agent": iso_of(max(ended_us, each.at_us))}
    return [Message(at=times.get(said.role, iso_of(each.at_us)), **said._asdict()) for said in exchange]


def _prompt(raw: dict[str, Any]) -> str:
    name, version = raw.get("promptName"), raw.get("promptVersion")
    return f"{name}@{version}" if name and version is not None else str(name or "")


def _text(record: dict[str, Any], name: str, place: str) -> str:
    found = record.get(name)
    if not isinstance(found, str) or not found:
        raise BadHistoryError(f"{place}: {name} is missing")
    return found


def _us(record: dict[str, Any], name: str, place: str) -> int:
    try:
        return us_of(_text(record, name, place))
    except ValueError:
        raise BadHistoryError(f"{place}: {name} is no ISO 8601 time") from None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
