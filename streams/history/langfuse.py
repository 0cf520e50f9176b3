"""A Langfuse export: traces with their observations, as its public API (``GET /api/public/traces/{id}``,
``/v2/observations``) and its exports (``trace_id`` for ``traceId``) write them; a JSON array, JSON lines, the API's pages
(``{"data": [...]}``), or CSV. Observations may also stand alone, with a ``traceId``; enriched ones bear what their trace does.

A conversation is one ``sessionId``, or a trace without one. ``GENERATION`` is a model call, ``TOOL`` a tool call, anything
else is kept, scores too. Where no generation says what was said, the ``input`` and ``output`` of the trace do, or of the
observation at its root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
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


class _Kind(Enum):
    TRACE, OBSERVATION, SCORE = range(3)


class _Row(NamedTuple):
    """``raw``: under the API's names; ``original``: as it came."""

    place: str
    kind: _Kind
    trace_id: str
    session_id: str
    at_us: int
    raw: dict[str, Any]
    original: dict[str, Any]


def read_langfuse(*paths: Path) -> Iterator[Read]:
    """Raises ``BadHistoryError``, ``OSError``."""
    rows = list(_once(row for place, original in _records(*paths) for row in _rows(place, original)))
    rows.sort(key=lambda row: row.kind is not _Kind.TRACE)
    session_of = {row.trace_id: row.session_id for row in reversed(rows) if row.session_id}  # by trace
    known = {session_of.get(row.trace_id, row.trace_id) for row in rows if row.kind is not _Kind.SCORE}
    conversations: dict[str, list[_Row]] = {}
    for row in rows:
        named = session_of.get(row.trace_id, row.trace_id or row.session_id)
        if named not in known:
            raise BadHistoryError(
                f"{row.place}: a score of a trace that isn't here: leave it out, or name its file too"
            )
        conversations.setdefault(named, []).append(row)
    for named, held in conversations.items():
        yield _conversation(named, held)


def _records(*paths: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, value in json_records(*paths):
        page = value.get("data")
        if not isinstance(page, list):
            yield place, value
            continue
        for number, record in enumerate(page):
            if not isinstance(record, dict):
                raise BadHistoryError(f"{place}: data[{number}] is no record")
            yield f"{place}: data[{number}]", record


def _rows(place: str, original: dict[str, Any]) -> Iterator[_Row]:
    record = _as_the_api(original)
    if "dataType" in record:
        yield _score(place, original)
    elif "traceId" in record and "type" in record:
        yield _observation(place, _text(record, "traceId", place), original)
    else:
        yield from _trace(place, original)


def _once(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Pages and exports overlap, and a trace may hold what also stands apart from it."""
    known: dict[tuple[str, str], _Row] = {}
    for row in rows:
        observation_id = row.raw.get("id")
        if row.kind is _Kind.OBSERVATION and isinstance(observation_id, str):
            former = known.setdefault((row.trace_id, observation_id), row)
            if former is not row and former.original == row.original:
                continue
            if former is not row:
                raise BadHistoryError(
                    f"{row.place}: the same observation stands at {former.place}, and reads otherwise"
                )
        yield row


def _as_the_api(record: dict[str, Any]) -> dict[str, Any]:
    """The blob export names the columns of its tables: ``start_time``, ``provided_model_name``."""
    return {_API_NAMES.get(name) or _UNDERSCORED.sub(lambda at: at[1].upper(), name): v for name, v in record.items()}


def _trace(place: str, original: dict[str, Any]) -> Iterator[_Row]:
    trace = _as_the_api(original)
    trace_id = _text(trace, "id", place)
    observations = trace.get("observations") or []
    if not isinstance(observations, list):
        raise BadHistoryError(f"{place}: observations is no list")
    own = {name: part for name, part in original.items() if name != "observations"}
    yield _Row(place, _Kind.TRACE, trace_id, _session(trace, place), _us(trace, "timestamp", place), trace, own)
    for number, raw in enumerate(observations):
        if isinstance(raw, dict):
            yield _observation(f"{place}: observations[{number}]", trace_id, raw)
        elif not isinstance(raw, str):  # lists of traces hold the ids alone: the observations come apart from them
            raise BadHistoryError(f"{place}: observations[{number}] is no observation")


def _observation(place: str, trace_id: str, original: dict[str, Any]) -> _Row:
    raw = _as_the_api(original)
    _text(raw, "type", place)
    return _Row(place, _Kind.OBSERVATION, trace_id, _session(raw, place), _us(raw, "startTime", place), raw, original)


def _score(place: str, original: dict[str, Any]) -> _Row:
    """Of a trace, an observation of it, or a session."""
    raw = _as_the_api(original)
    session_id = _session(raw, place)
    trace_id = _text(raw, "traceId", place) if raw.get("traceId") or not session_id else ""
    return _Row(place, _Kind.SCORE, trace_id, session_id, _us(raw, "timestamp", place), raw, original)


def _conversation(named: str, rows: list[_Row]) -> Read:
    ordered = sorted(rows, key=lambda each: each.at_us)  # a trace stands before what it holds
    tellers = _tellers(ordered)
    told: list[Told] = []
    heard = Heard()
    for each in ordered:
        try:
            told += told_of(_entries(each, tellers.get(each.trace_id) is each, heard), each.original)
        except (TypeError, ValueError, AttributeError, OverflowError):
            raise BadHistoryError(f"{each.place}: a time, a count or a field is not as Langfuse writes it") from None
    entries, originals = in_order(told)
    transcript = Transcript(
        id=named,
        started_at=iso_of(ordered[0].at_us),
        entries=entries,
        channel="langfuse",
        subject=next((str(user) for each in rows if (user := each.raw.get("userId"))), ""),
    )
    return Read(transcript=transcript, place=rows[0].place, original=None, originals=originals)


def _tellers(rows: list[_Row]) -> dict[str, _Row]:
    """By trace, who tells what was said where no generation does: the trace, else the observation at its root (an enriched
    export has no traces)."""
    told = {each.trace_id for each in rows if _is_of(each, "GENERATION") and _has_words(each)}
    here = {each.raw.get("id") for each in rows if each.kind is _Kind.OBSERVATION}
    roots = [
        each for each in rows if each.kind is _Kind.OBSERVATION and each.raw.get("parentObservationId") not in here
    ]
    may_tell = [*(each for each in rows if each.kind is _Kind.TRACE), *roots]
    return {each.trace_id: each for each in reversed(may_tell) if each.trace_id not in told and _has_words(each)}


def _is_of(each: _Row, kind: str) -> bool:
    return each.kind is _Kind.OBSERVATION and each.raw["type"] == kind


def _has_words(each: _Row) -> bool:
    return bool(newest_exchange(each.raw.get("input"), each.raw.get("output")))


def _entries(each: _Row, is_teller: bool, heard: Heard) -> Iterator[AnyEntry]:
    raw, at = each.raw, iso_of(each.at_us)
    if _is_of(each, "GENERATION"):
        yield from _model_call(each, heard)
    elif _is_of(each, "TOOL"):
        yield ToolCall(
            at=at,
            tool=str(raw.get("name") or "tool"),
            arguments=parsed(raw.get("input")),
            result=parsed(raw.get("output")),
            elapsed_ms=_after_ms(each.at_us, raw.get("endTime")),
            error=_failed(raw),
        )
    else:
        yield Record(at=at, name=str(raw.get("name") or raw.get("type") or each.kind.name.lower()))
        if is_teller:
            yield from _said(each, _ended_us(each), heard)


def _model_call(each: _Row, heard: Heard) -> Iterator[AnyEntry]:
    raw = each.raw
    said = _said(each, _ended_us(each), heard)
    usage = raw.get("usageDetails") or raw.get("usage") or {}
    costs = (raw.get("calculatedTotalCost"), raw.get("totalCost"), (raw.get("costDetails") or {}).get("total"))
    cost = next((told for told in costs if told is not None), None)
    yield from (message for message in said if message.role != "agent")
    yield ModelCall(
        at=iso_of(each.at_us),
        messages=parsed(raw.get("input")),
        text="\n".join(m.text for m in said if m.role == "agent"),
        model=str(raw.get("model") or ""),
        prompt_version=_prompt(raw),
        input_tokens=count_of(usage.get("input")),
        cached_tokens=count_of(usage.get("input_cached_tokens", usage.get("cache_read_input_tokens"))),
        output_tokens=count_of(usage.get("output")),
        cost_micros=None if cost is None else count_of(round(float(cost) * 1e6)),
        first_token_ms=_after_ms(each.at_us, raw.get("completionStartTime")),
        total_ms=_after_ms(each.at_us, raw.get("endTime")),
        error=_failed(raw),
    )
    yield from (message for message in said if message.role == "agent")


def _ended_us(each: _Row) -> int:
    return us_of(each.raw["endTime"]) if each.raw.get("endTime") else each.at_us


def _failed(raw: dict[str, Any]) -> str:
    return str(raw.get("statusMessage") or "error") if raw.get("level") == "ERROR" else ""


def _said(each: _Row, ended_us: int, heard: Heard) -> list[Message]:
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
