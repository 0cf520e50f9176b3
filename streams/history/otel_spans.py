"""Spans as they are written down, and what each says of a model, a tool or a conversation.

Three forms: OTLP's JSON (what a collector's file exporter writes, a request a line; requests of log records may stand among
those of spans), and a span as an SDK's ``to_json`` and console exporter print it.

Sources: OTLP 1.x ``opentelemetry/proto/trace/v1/trace.proto`` and ``logs/v1/logs.proto`` in their JSON mapping;
``ReadableSpan.to_json`` of opentelemetry-sdk for Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.history.chat_messages import parsed
from streams.history.json_records import json_records
from streams.history.otel_dialects import in_genai_names
from streams.history.times import iso_of_ns, us_of
from streams.history.transcript import BadHistoryError

_MODELS, _TOOL = "chat", "execute_tool"
_OLDER_WORK = {"chat": _MODELS, "completion": _MODELS}  # ``llm.request.type``, before there was an operation's name
_GEN_AI = "gen_ai."


class SpanEvent(NamedTuple):
    """``fields``: its attributes, and for a log record what its body holds."""

    name: str
    fields: dict[str, Any]


class Span(NamedTuple):
    """``raw``: as it came, with its log records under ``logRecords``."""

    place: str
    raw: dict[str, Any]
    trace_id: str
    span_id: str
    name: str
    begun_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    events: tuple[SpanEvent, ...]

    def first(self, *names: str) -> Any:
        """Of the attributes of these names the first that is there; None: none is."""
        return next((self.attributes[name] for name in names if self.attributes.get(name) not in (None, "")), None)

    @property
    def work(self) -> str:
        """chat, execute_tool, …; empty where it is no span of generative AI."""
        if named := self.first("gen_ai.operation.name"):
            return str(named)
        if self.attributes.get("traceloop.span.kind") == "tool":
            return _TOOL
        return _OLDER_WORK.get(str(self.attributes.get("llm.request.type")), "")

    @property
    def parent_id(self) -> str:
        """Empty: it has none."""
        return str(self.raw.get("parentSpanId") or self.raw.get("parent_id") or "").removeprefix("0x")

    @property
    def total_ms(self) -> float | None:
        return (self.ended_ns - self.begun_ns) / 1e6 if self.ended_ns >= self.begun_ns > 0 else None

    @property
    def error(self) -> str:
        status = self.raw.get("status", {})
        code = status.get("code", status.get("status_code")) if isinstance(status, dict) else None
        return str(self.first("error.type") or "error") if code in (2, "STATUS_CODE_ERROR", "ERROR") else ""


def read_spans(*paths: Path) -> list[Span]:
    """In the order in which they stand, each once. Raises ``BadHistoryError``, ``OSError``."""
    spans: list[Span] = []
    logged: dict[tuple[str, str], list[dict[str, Any]]] = {}
    first_place: dict[tuple[str, str], str] = {}
    for place, record in json_records(*paths):
        if "resourceLogs" in record:
            for within, raw in _held(place, record, "resourceLogs", "scopeLogs", "logRecords"):
                whose = _logged_in(within, raw)
                if whose is not None:
                    logged.setdefault(whose, []).append(raw)
                    first_place.setdefault(whose, within)
        elif "resourceSpans" in record:
            spans += (_span(*found) for found in _held(place, record, "resourceSpans", "scopeSpans", "spans"))
        elif isinstance(record.get("context"), dict):
            spans.append(_printed_span(place, record))
        else:
            raise BadHistoryError(f"{place}: no resourceSpans, as an OTLP export of traces has, and no span of an SDK")
    with_logs = [_with_logs(span, logged.pop((span.trace_id, span.span_id), [])) for span in _once(spans)]
    for whose in logged:
        raise BadHistoryError(f"{first_place[whose]}: a message of a span that isn't here: name the file of spans too")
    return with_logs


def _once(spans: list[Span]) -> Iterator[Span]:
    """A collector delivers at least once, and not always in the same batches."""
    known: dict[tuple[str, str], Span] = {}
    for span in spans:
        if not span.span_id or known.setdefault((span.trace_id, span.span_id), span) is span:
            yield span
        elif known[span.trace_id, span.span_id].raw != span.raw:
            former = known[span.trace_id, span.span_id].place
            raise BadHistoryError(f"{span.place}: the same span stands at {former}, and reads otherwise there")


def _held(place: str, record: dict[str, Any], *names: str) -> Iterator[tuple[str, Any]]:
    """What lies in lists of these names, one in the other, each with its place."""
    name, *inner = names
    found = record.get(name, []) if isinstance(record, dict) else None
    if not isinstance(found, list):
        raise BadHistoryError(f"{place}: {name} is no list")
    for number, each in enumerate(found):
        within = f"{place}: {name}[{number}]" if name.startswith("resource") else f"{place}.{name}[{number}]"
        if inner:
            yield from _held(within, each, *inner)
        else:
            yield within, each


def _span(place: str, raw: Any) -> Span:
    with _as_expected(place, "no span as OTLP has it: a time, a name or an attribute is of another type"):
        return Span(
            place,
            raw,
            str(raw["traceId"]),
            str(raw.get("spanId", "")),
            str(raw.get("name", "")),
            _time_ns(raw["startTimeUnixNano"]),
            _time_ns(raw.get("endTimeUnixNano") or 0),
            in_genai_names(_attributes(raw.get("attributes"))),
            (
                *(SpanEvent(str(e.get("name", "")), _attributes(e.get("attributes"))) for e in raw.get("events") or ()),
                *_events_in(_attributes(raw.get("attributes"))),
            ),
        )


def _events_in(attributes: dict[str, Any]) -> Iterator[SpanEvent]:
    """Events that stand in an attribute of their span, as JSON: PydanticAI's before it followed conventions 1.37."""
    told = parsed(attributes.get("events"))
    for each in told if isinstance(told, list) else ():
        if isinstance(each, dict) and str(each.get("event.name", "")).startswith(_GEN_AI):
            yield SpanEvent(each["event.name"], each)


@contextmanager
def _as_expected(place: str, otherwise: str) -> Iterator[None]:
    """Whatever is missing, or of another type, is told as ``BadHistoryError`` with its place."""
    try:
        yield
    except KeyError as error:
        raise BadHistoryError(f"{place}: {error.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError):
        raise BadHistoryError(f"{place}: {otherwise}") from None


def _time_ns(value: Any) -> int:
    """Raises ``TypeError``, ``ValueError``."""
    at_ns = int(value)
    iso_of_ns(at_ns)
    return at_ns


def _printed_span(place: str, raw: dict[str, Any]) -> Span:
    """Ids are hexadecimal behind 0x, times ISO 8601, attributes a plain object."""
    with _as_expected(place, "no span as an SDK prints it: a time or an attribute is of another type"):
        context, ended = raw["context"], raw.get("end_time")
        return Span(
            place,
            raw,
            str(context["trace_id"]).removeprefix("0x"),
            str(context.get("span_id", "")).removeprefix("0x"),
            str(raw.get("name", "")),
            us_of(raw["start_time"]) * 1000,
            us_of(ended) * 1000 if ended else 0,
            in_genai_names(dict(raw.get("attributes") or {})),
            (
                *(SpanEvent(str(e.get("name", "")), dict(e.get("attributes") or {})) for e in raw.get("events") or ()),
                *_events_in(dict(raw.get("attributes") or {})),
            ),
        )


def _logged_in(place: str, raw: Any) -> tuple[str, str] | None:
    """(trace, span) of a log record of the GenAI conventions; None: it is of something else."""
    with _as_expected(place, "no log record as OTLP has it"):
        return (str(raw["traceId"]), str(raw["spanId"])) if _event(raw).name.startswith(_GEN_AI) else None


def _with_logs(span: Span, records: list[dict[str, Any]]) -> Span:
    if not records:
        return span
    return span._replace(
        raw={**span.raw, "logRecords": records}, events=(*span.events, *(_event(record) for record in records))
    )


def _event(record: dict[str, Any]) -> SpanEvent:
    attributes, body = _attributes(record.get("attributes")), _value(record.get("body") or {})
    name = record.get("eventName") or attributes.get("event.name", "")
    return SpanEvent(str(name), attributes | (body if isinstance(body, dict) else {}))


def _attributes(pairs: Iterable[Any] | None) -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value") or {}) for pair in pairs or ()}


def _value(value: dict[str, Any]) -> Any:
    """An ``AnyValue``."""
    for kind, found in value.items():
        if kind == "intValue":
            return int(found)
        if kind == "arrayValue":
            return [_value(each) for each in found.get("values", ())]
        if kind == "kvlistValue":
            return _attributes(found.get("values"))
        return found
    return None
