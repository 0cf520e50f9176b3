"""OpenTelemetry GenAI spans (``streams.history.otel_spans`` has their forms).

Sources: semantic conventions for generative AI up to 1.41 (messages as attributes, ``gen_ai.provider.name``); 1.28 (messages as
span events or log records, ``gen_ai.system``); 1.26 (``gen_ai.content.prompt``); and the attributes of OpenLLMetry before
them (``gen_ai.prompt.0.content``, ``llm.request.type``, ``traceloop.*``). OpenInference's and Vercel's names are told as these
(``streams.history.otel_dialects``). A conversation is what bears one
``gen_ai.conversation.id`` (or ``session.id``); spans without one are a conversation by trace. A span of another kind is kept
where its trace has a span of a model or tool. What was said is told by the models' spans, else by the outermost of an agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.history.chat_messages import Heard, newest_exchange, parsed, text_of
from streams.history.order import Told, in_order, told_of
from streams.history.otel_spans import Span, read_spans
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
    count_of,
)

_MODEL_WORK = ("chat", "text_completion", "generate_content")
_AGENT_WORK = "invoke_agent"
_CONVERSATION = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id")
_SUBJECT = ("user.id", "enduser.id", "traceloop.association.properties.user_id")
_SHOWN = ("gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message")
_CHOICE = "gen_ai.choice"


def read_otel(*paths: Path) -> Iterator[Read]:
    """Raises ``BadHistoryError``, ``OSError``."""
    spans = read_spans(*paths)
    of_trace = {span.trace_id: named for span in spans if (named := _named(span))}
    known = {span.trace_id for span in spans if span.work}
    if spans and not known:
        raise BadHistoryError(
            f"{', '.join(map(str, paths))}: none of {len(spans)} spans is of a model or a tool as the GenAI conventions, "
            f"OpenLLMetry, OpenInference or Vercel's AI SDK have it"
        )
    grouped: dict[str, list[Span]] = {}
    for span in spans:
        if span.trace_id in known:
            grouped.setdefault(_named(span) or of_trace.get(span.trace_id) or span.trace_id, []).append(span)
    for conversation_id, group in grouped.items():
        yield _conversation(conversation_id, sorted(group, key=lambda span: span.begun_ns))


def _named(span: Span) -> str:
    return str(span.first(*_CONVERSATION) or "")


def _conversation(conversation_id: str, spans: list[Span]) -> Read:
    told: list[Told] = []
    heard = Heard()
    tellers = _tellers(spans)
    for span in spans:
        try:
            told += told_of(_entries(span, span.place in tellers, heard), span.raw)
        except (TypeError, ValueError, AttributeError, OverflowError):
            raise BadHistoryError(f"{span.place}: its attributes are not as the GenAI conventions have them") from None
    entries, originals = in_order(told)
    subject = next((str(named) for span in spans if (named := span.first(*_SUBJECT)) is not None), "")
    transcript = Transcript(
        id=conversation_id, started_at=iso_of_ns(spans[0].begun_ns), entries=entries, channel="otel", subject=subject
    )
    return Read(transcript=transcript, place=spans[0].place, original=None, originals=originals)


def _tellers(spans: list[Span]) -> set[str]:
    """Places of the agents' spans that tell what was said: the outermost of each trace in which no model's span does (its
    instrumentation leaves that to the agent's)."""
    told = {span.trace_id for span in spans if span.work in _MODEL_WORK and _has_words(span)}
    agents = {(span.trace_id, span.span_id): span for span in spans if span.work == _AGENT_WORK and _has_words(span)}
    parents = {(span.trace_id, span.span_id): span.parent_id for span in spans}

    def is_inner(span: Span) -> bool:
        at, seen = span.parent_id, {span.span_id}
        while at and at not in seen:
            if (span.trace_id, at) in agents:
                return True
            seen.add(at)
            at = parents.get((span.trace_id, at), "")
        return False

    return {span.place for span in agents.values() if span.trace_id not in told and not is_inner(span)}


def _has_words(span: Span) -> bool:
    return bool(newest_exchange(_shown(span), _answered(span)))


def _entries(span: Span, is_teller: bool, heard: Heard) -> Iterator[AnyEntry]:
    at = iso_of_ns(span.begun_ns)
    if span.work in _MODEL_WORK:
        yield from _model_call(span, at, heard)
    elif span.work == "execute_tool":
        yield ToolCall(
            at=at,
            tool=str(span.first("gen_ai.tool.name", "traceloop.entity.name") or span.name),
            arguments=parsed(span.first("gen_ai.tool.call.arguments", "traceloop.entity.input")),
            result=parsed(span.first("gen_ai.tool.call.result", "traceloop.entity.output")),
            elapsed_ms=span.total_ms,
            error=span.error,
        )
    else:
        yield Record(at=at, name=span.name)
        if is_teller:
            exchange = heard.anew(newest_exchange(_shown(span), _answered(span)), span.begun_ns, _answered_ns(span))
            answered_at = iso_of_ns(_answered_ns(span))
            yield from (Message(at=answered_at if m.role == "agent" else at, **m._asdict()) for m in exchange)


def _answered_ns(span: Span) -> int:
    return max(span.begun_ns, span.ended_ns)


def _model_call(span: Span, at: str, heard: Heard) -> Iterator[Message | ModelCall]:
    shown, answered_ns = _shown(span), _answered_ns(span)
    exchange = heard.anew(newest_exchange(shown, _answered(span)), span.begun_ns, answered_ns)
    system = _of(span, "gen_ai.system_instructions")
    yield from (Message(at=at, **said._asdict()) for said in exchange if said.role != "agent")
    yield ModelCall(
        at=at,
        messages=[{"role": "system", "parts": system}, *_listed(shown)] if system else shown,
        text="\n".join(said.text for said in exchange if said.role == "agent"),
        provider=str(span.first("gen_ai.provider.name", "gen_ai.system") or ""),
        model=str(span.first("gen_ai.response.model", "gen_ai.request.model") or ""),
        input_tokens=count_of(span.first("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
        cached_tokens=count_of(
            span.first("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
        ),
        output_tokens=count_of(span.first("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
        first_token_ms=_ms(span.first("gen_ai.response.time_to_first_chunk")),
        total_ms=span.total_ms,
        error=span.error,
    )
    answered_at = iso_of_ns(answered_ns)
    yield from (Message(at=answered_at, **said._asdict()) for said in exchange if said.role == "agent")


def _ms(seconds: Any) -> float | None:
    return None if seconds is None else max(0.0, float(seconds) * 1000)


def _shown(span: Span) -> Any:
    found = _of(span, "gen_ai.input.messages", "gen_ai.prompt")
    if found is not None:
        return found
    return [
        {"role": event.name.split(".")[1], **event.fields, "content": text_of(event.fields)}
        for event in span.events
        if event.name in _SHOWN
    ] or _numbered(span, "prompt")


def _answered(span: Span) -> Any:
    found = _of(span, "gen_ai.output.messages", "gen_ai.completion")
    if found is not None:
        return found
    choices = [parsed(event.fields.get("message", event.fields)) for event in span.events if event.name == _CHOICE]
    said = [{"role": "assistant", "content": text_of(c) if isinstance(c, dict) else str(c)} for c in choices]
    return said or _numbered(span, "completion")


def _of(span: Span, *names: str) -> Any:
    """An attribute with JSON in it, of the span or of an event that tells about it; None: nowhere."""
    holders = (span.attributes, *(event.fields for event in span.events))
    found = (holder[name] for name in names for holder in holders if holder.get(name) not in (None, ""))
    return parsed(next(found, None))


def _numbered(span: Span, kind: str) -> list[dict[str, Any]] | None:
    """``gen_ai.prompt.0.role``, ``gen_ai.prompt.0.content``, …: messages by their number."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in span.attributes.items():
        if field := re.fullmatch(rf"gen_ai\.{kind}\.([0-9]{{1,6}})\.(.+)", name):
            found.setdefault(int(field[1]), {})[field[2]] = parsed(value) if field[2] == "content" else value
    return [found[number] for number in sorted(found)] or None


def _listed(shown: Any) -> list[Any]:
    return shown if isinstance(shown, list) else [] if shown is None else [shown]
