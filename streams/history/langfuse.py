"""A Langfuse export: traces with their observations, as its public API (``GET /api/public/traces/{id}``) and its blob
export (``trace_id`` for ``traceId``) write them; a JSON array, JSON lines, or the API's pages (``{"data": [...]}``).
Observations may also stand alone, with a ``traceId``.

A conversation is one ``sessionId``, or a trace without one. ``GENERATION`` is a model call, ``TOOL`` a tool call, anything
else is kept. Where no generation says what was said, the trace's own ``input`` and ``output`` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from streams.history.chat_messages import Heard, newest_exchange, parsed
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
    count_of,
)

_API_NAMES = {"provided_model_name": "model", "providedModelName": "model"}
_UNDERSCORED = re.compile(r"_([a-z])")


class _Observation(NamedTuple):
    """``raw``: under the API's names; ``original``: as it came."""

    place: str
    trace_id: str
    at_us: int
    raw: dict[str, Any]
    original: dict[str, Any]
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
    for place, original in _records(path):
        record = _as_the_api(original)
        if "traceId" in record and "type" in record:
            alone.append((place, original))
            continue
        trace_id = _text(record, "id", place)
        named = _session(record, place) or trace_id
        session = sessions.setdefault(named, _Session(place))
        session_of[trace_id] = named
        session.subject = session.subject or str(record.get("userId") or "")
        _take_trace(session, place, original)
    for place, original in alone:
        record = _as_the_api(original)
        trace_id = _text(record, "traceId", place)
        named = session_of.get(trace_id, _session(record, place) or trace_id)
        session = sessions.setdefault(named, _Session(place))
        session.observations.append(_observation(place, trace_id, original))
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


def _as_the_api(record: dict[str, Any]) -> dict[str, Any]:
    """The blob export names the columns of its tables: ``start_time``, ``provided_model_name``."""
    return {_API_NAMES.get(name) or _UNDERSCORED.sub(lambda at: at[1].upper(), name): v for name, v in record.items()}


def _take_trace(session: _Session, place: str, original: dict[str, Any]) -> None:
    trace = _as_the_api(original)
    observations = trace.get("observations") or []
    if not isinstance(observations, list):
        raise BadHistoryError(f"{place}: observations is no list")
    own = {name: part for name, part in original.items() if name != "observations"}
    trace_id = _text(trace, "id", place)
    session.observations.append(
        _Observation(place, trace_id, _us(trace, "timestamp", place), trace, own, is_trace=True)
    )
    for number, raw in enumerate(observations):
        if isinstance(raw, dict):
            session.observations.append(_observation(f"{place}: observations[{number}]", trace_id, raw))
        elif not isinstance(raw, str):  # lists of traces hold the ids alone: the observations come apart from them
            raise BadHistoryError(f"{place}: observations[{number}] is no observation")


def _observation(place: str, trace_id: str, original: dict[str, Any]) -> _Observation:
    raw = _as_the_api(original)
    _text(raw, "type", place)
    return _Observation(place, trace_id, _us(raw, "startTime", place), raw, original)


def _conversation(named: str, session: _Session) -> Read:
    ordered = sorted(session.observations, key=lambda each: each.at_us)  # a trace stands before what it holds
    told_of_trace = {each.trace_id for each in ordered if _is_generation(each)}
    told: list[Told] = []
    heard = Heard()
    for each in ordered:
        is_told = each.trace_id in told_of_trace
        try:
            told += told_of(_of_trace(each, is_told, heard) if each.is_trace else _entries(each, heard), each.original)
        except (TypeError, ValueError, AttributeError, OverflowError):
            raise BadHistoryError(f"{each.place}: a time, a count or a field is not as Langfuse writes it") from None
    entries, originals = in_order(told)
    transcript = Transcript(
        id=named, started_at=iso_of(ordered[0].at_us), entries=entries, channel="langfuse", subject=session.subject
    )
    return Read(transcript=transcript, place=session.place, original=None, originals=originals)


def _of_trace(each: _Observation, is_told: bool, heard: Heard) -> Iterator[AnyEntry]:
    """``is_told``: by its generations."""
    yield Record(at=iso_of(each.at_us), name=str(each.raw.get("name") or "trace"))
    if not is_told:
        yield from _said(each, each.at_us, heard)


def _is_generation(each: _Observation) -> bool:
    return not each.is_trace and each.raw["type"] == "GENERATION"


def _entries(each: _Observation, heard: Heard) -> Iterator[AnyEntry]:
    raw, at = each.raw, iso_of(each.at_us)
    ended_us = us_of(raw["endTime"]) if raw.get("endTime") else None
    total_ms = _after_ms(each.at_us, raw.get("endTime"))
    failed = str(raw.get("statusMessage") or "error") if raw.get("level") == "ERROR" else ""
    if _is_generation(each):
        said = _said(each, ended_us or each.at_us, heard)
        usage = raw.get("usageDetails") or raw.get("usage") or {}
        cost = raw.get("calculatedTotalCost", (raw.get("costDetails") or {}).get("total"))
        yield from (message for message in said if message.role != "agent")
        yield ModelCall(
            at=at,
            messages=parsed(raw.get("input")),
            text="\n".join(m.text for m in said if m.role == "agent"),
            model=str(raw.get("model") or ""),
            prompt_version=_prompt(raw),
            input_tokens=count_of(usage.get("input")),
            cached_tokens=count_of(usage.get("input_cached_tokens", usage.get("cache_read_input_tokens"))),
            output_tokens=count_of(usage.get("output")),
            cost_micros=None if cost is None else count_of(round(float(cost) * 1e6)),
            first_token_ms=_after_ms(each.at_us, raw.get("completionStartTime")),
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


def _said(each: _Observation, ended_us: int, heard: Heard) -> list[Message]:
    answered_us = max(ended_us, each.at_us)
    exchange = heard.anew(newest_exchange(each.raw.get("input"), each.raw.get("output")), each.at_us, answered_us)
    times = {"agent": iso_of(answered_us)}
    return [Message(at=times.get(said.role, iso_of(each.at_us)), **said._asdict()) for said in exchange]


def _prompt(raw: dict[str, Any]) -> str:
    name, version = raw.get("promptName"), raw.get("promptVersion")
    return f"{name}@{version}" if name and version is not None else str(name or "")


def _session(record: dict[str, Any], place: str) -> str:
    return _text(record, "sessionId", place) if record.get("sessionId") else ""


def _after_ms(at_us: int, text: Any) -> float | None:
    """From then to that time; None where it isn't told, or another clock says that it was before."""
    after_us = us_of(text) - at_us if text else -1
    return after_us / 1000 if after_us >= 0 else None


def _text(record: dict[str, Any], name: str, place: str) -> str:
    found = record.get(name)
    if found is None or found == "":
        raise BadHistoryError(f"{place}: {name} is missing")
    if not isinstance(found, str):
        raise BadHistoryError(f"{place}: {name} is a {type(found).__name__} where a text is expected")
    return found


def _us(record: dict[str, Any], name: str, place: str) -> int:
    try:
        return us_of(_text(record, name, place))
    except ValueError:
        raise BadHistoryError(f"{place}: {name} is no ISO 8601 time") from None
