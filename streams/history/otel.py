"""OpenTelemetry GenAI spans: OTLP's JSON form, as a collector's file exporter writes it (one export request a line) or as
one value.

Sources: OTLP 1.x ``opentelemetry/proto/trace/v1/trace.proto`` in its JSON mapping; semantic conventions for generative AI,
1.28 (messages as span events, ``gen_ai.system``) to 1.37 (messages as attributes, ``gen_ai.provider.name``). A conversation
is what bears one ``gen_ai.conversation.id`` (or ``session.id``); spans without one are a conversation by trace. A span of
another kind is kept where its trace has a span of a model or tool.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from streams.history.chat_messages import newest_exchange, parsed, text_of
from streams.history.json_records import json_records
from streams.history.order import Told, in_order, told_of
from streams.history.times import iso_of_ns
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

_MODEL_WORK = ("chat", "text_completion", "generate_content")
_CONVERSATION = ("gen_ai.conversation.id", "session.id")
_SHOWN = ("gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message")
_CHOICE = "gen_ai.choice"


class _Span(NamedTuple):
    place: str
    raw: dict[str, Any]
    trace_id: str
    name: str
    begun_ns: int
    ended_ns: int
    attributes: dict[str, Any]

    @property
    def work(self) -> str:
        """chat, execute_tool, …; empty where it is no span of generative AI."""
        return str(self.attributes.get("gen_ai.operation.name", ""))

    @property
    def total_ms(self) -> float | None:
        return (self.ended_ns - self.begun_ns) / 1e6 if self.ended_ns >= self.begun_ns > 0 else None

    @property
    def error(self) -> str:
        status = self.raw.get("status", {})
        failed = isinstance(status, dict) and status.get("code") in (2, "STATUS_CODE_ERROR")
        return str(self.attributes.get("error.type") or "error") if failed else ""


def read_otel(path: Path) -> Iterator[Read]:
    """Raises ``BadHistoryError``, ``OSError``."""
    spans = [span for found in json_records(path) for span in _spans(*found)]
    of_trace = {span.trace_id: named for span in spans if (named := _named(span))}
    known = {span.trace_id for span in spans if span.work}
    grouped: dict[str, list[_Span]] = {}
    for span in spans:
        if span.trace_id in known:
            grouped.setdefault(_named(span) or of_trace.get(span.trace_id) or span.trace_id, []).append(span)
    for conversation_id, group in grouped.items():
        yield _conversation(conversation_id, sorted(group, key=lambda span: span.begun_ns))


def _named(span: _Span) -> str:
    return next((str(span.attributes[name]) for name in _CONVERSATION if span.attributes.get(name)), "")


def _conversation(conversation_id: str, spans: list[_Span]) -> Read:
    told: list[Told] = []
    for span in spans:
        try:
            told += told_of(_entries(span), span.raw)
        except (TypeError, ValueError, AttributeError):
            raise BadHistoryError(f"{span.place}: its attributes are not as the GenAI conventions have them") from None
    entries, originals = in_order(told)
    subject = next((str(s.attributes[n]) for s in spans for n in ("user.id", "enduser.id") if n in s.attributes), "")
    transcript = Transcript(
        id=conversation_id, started_at=iso_of_ns(spans[0].begun_ns), entries=entries, channel="otel", subject=subject
    )
    return Read(transcript=transcript, place=spans[0].place, original=None, originals=originals)


def _entries(span: _Span) -> Iterator[AnyEntry]:
    at, attributes = iso_of_ns(span.begun_ns), span.attributes
    if span.work in _MODEL_WORK:
        yield from _model_call(span, at)
    elif span.work == "execute_tool":
        yield ToolCall(
            at=at,
            tool=str(attributes.get("gen_ai.tool.name", span.name)),
            arguments=parsed(attributes.get("gen_ai.tool.call.arguments")),
            result=parsed(attributes.get("gen_ai.tool.call.result")),
            elapsed_ms=span.total_ms,
            error=span.error,
        )
    else:
        yield Record(at=at, name=span.name)


def _model_call(span: _Span, at: str) -> Iterator[Message | ModelCall]:
    attributes = span.attributes
    shown, answered = _shown(span), _answered(span)
    exchange = newest_exchange(shown, answered)
    system = parsed(attributes.get("gen_ai.system_instructions"))
    yield from (Message(at=at, **said._asdict()) for said in exchange if said.role != "agent")
    yield ModelCall(
        at=at,
        messages=[{"role": "system", "parts": system}, *_listed(shown)] if system else shown,
        text="\n".join(said.text for said in exchange if said.role == "agent"),
        provider=str(attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system") or ""),
        model=str(attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model") or ""),
        input_tokens=_count(attributes.get("gen_ai.usage.input_tokens")),
        cached_tokens=_count(attributes.get("gen_ai.usage.cache_read.input_tokens")),
        output_tokens=_count(attributes.get("gen_ai.usage.output_tokens")),
        total_ms=span.total_ms,
        error=span.error,
    )
    answered_at = iso_of_ns(max(span.begun_ns, span.ended_ns))
    yield from (Message(at=answered_at, **said._asdict()) for said in exchange if said.role == "agent")


def _shown(span: _Span) -> Any:
    found = parsed(span.attributes.get("gen_ai.input.messages"))
    if found is not None:
        return found
    return [
        {"role": name.split(".")[1], **fields, "content": text_of(fields)}
        for name, fields in _events(span)
        if name in _SHOWN
    ] or None


def _answered(span: _Span) -> Any:
    found = parsed(span.attributes.get("gen_ai.output.messages"))
    if found is not None:
        return found
    choices = [parsed(fields.get("message", fields)) for name, fields in _events(span) if name == _CHOICE]
    return [{"role": "assistant", "content": text_of(c) if isinstance(c, dict) else str(c)} for c in choices]


def _events(span: _Span) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in span.raw.get("events") or ():
        yield str(event.get("name", "")), _attributes(event.get("attributes"))


def _listed(shown: Any) -> list[Any]:
    return shown if isinstance(shown, list) else [] if shown is None else [shown]


def _spans(place: str, request: dict[str, Any]) -> Iterator[_Span]:
    if not isinstance(request.get("resourceSpans"), list):
        raise BadHistoryError(f"{place}: no resourceSpans: an OTLP export of traces in JSON has them")
    for r, resource in enumerate(request["resourceSpans"]):
        for s, scope in enumerate(_list(resource, "scopeSpans", f"{place}: resourceSpans[{r}]")):
            within = f"{place}: resourceSpans[{r}].scopeSpans[{s}]"
            for n, raw in enumerate(_list(scope, "spans", within)):
                yield _span(f"{within}.spans[{n}]", raw)


def _list(holder: Any, name: str, place: str) -> list[Any]:
    found = holder.get(name, []) if isinstance(holder, dict) else None
    if not isinstance(found, list):
        raise BadHistoryError(f"{place}: {name} is no list")
    return found


def _span(place: str, raw: Any) -> _Span:
    try:
        return _Span(
            place,
            raw,
            str(raw["traceId"]),
            str(raw.get("name", "")),
            int(raw["startTimeUnixNano"]),
            int(raw.get("endTimeUnixNano") or 0),
            _attributes(raw.get("attributes")),
        )
    except KeyError as error:
        raise BadHistoryError(f"{place}: {error.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError):
        raise BadHistoryError(
            f"{place}: no span as OTLP has it: a time, a name or an attribute is of another type"
        ) from None


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


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
