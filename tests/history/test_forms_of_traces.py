"""Traces as SDKs and exports really write them: whatever their age and form, each message of a conversation is read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.history.facts import facts_of
from streams.history.langfuse import read_langfuse
from streams.history.otel import read_otel
from streams.history.transcript import BadHistoryError, Message, ModelCall, Read, ToolCall
from streams.history.transcripts import read_transcripts

BEGAN_NS = 1_709_283_600_000_000_000  # 2024-03-01T09:00:00Z
NOW_US = 1_800_000_000_000_000
QUESTION, ANSWER = "Where is my card?", "In the post."
OLD = {"gen_ai.operation.name": "chat", "gen_ai.system": "acme"}
SHOWN = [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
SAID = [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}]


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def attributes(named: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": any_value(value)} for name, value in named.items()]


def span(
    named: dict[str, Any],
    events: dict[str, dict[str, Any]] | None = None,
    *,
    at_ms: int = 0,
    took_ms: int = 500,
    trace: str = "aa",
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": f"{at_ms:x}",
        "name": "chat",
        "startTimeUnixNano": str(BEGAN_NS + at_ms * 1_000_000),
        "endTimeUnixNano": str(BEGAN_NS + (at_ms + took_ms) * 1_000_000),
        "attributes": attributes(named),
        "events": [{"name": name, "attributes": attributes(fields)} for name, fields in (events or {}).items()],
    }


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def logs(*records: dict[str, Any]) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "traces.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def said(read: Read) -> list[tuple[str, str]]:
    return [(entry.role, entry.text) for entry in read.transcript.entries if isinstance(entry, Message)]


def model_calls(read: Read) -> list[ModelCall]:
    return [entry for entry in read.transcript.entries if isinstance(entry, ModelCall)]


OPENLLMETRY = {
    "gen_ai.system": "acme",
    "llm.request.type": "chat",
    "gen_ai.response.model": "acme-2",
    "gen_ai.usage.prompt_tokens": 30,
    "gen_ai.usage.completion_tokens": 7,
    "traceloop.association.properties.session_id": "S1",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "You are a bank.",
    "gen_ai.prompt.10.role": "user",
    "gen_ai.prompt.10.content": QUESTION,
    "gen_ai.prompt.9.role": "assistant",
    "gen_ai.prompt.9.content": "Hello.",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": ANSWER,
}
CONTENT_EVENTS = {
    "gen_ai.content.prompt": {"gen_ai.prompt": json.dumps([{"role": "user", "content": QUESTION}])},
    "gen_ai.content.completion": {"gen_ai.completion": json.dumps([{"role": "assistant", "content": ANSWER}])},
}
DETAILS = {
    "gen_ai.client.inference.operation.details": {
        "gen_ai.input.messages": json.dumps(SHOWN),
        "gen_ai.output.messages": json.dumps(SAID),
    }
}
LOGGED = logs(
    {"traceId": "aa", "spanId": "0", "eventName": "gen_ai.user.message", "body": any_value({"content": QUESTION})},
    {
        "traceId": "aa",
        "spanId": "0",
        "attributes": attributes({"event.name": "gen_ai.choice"}),
        "body": any_value({"index": 0, "message": {"role": "assistant", "content": ANSWER}}),
    },
    {"body": {"stringValue": "a line of another log, of no span"}, "traceId": "aa", "spanId": "7"},
)
PRINTED = {
    "name": "chat",
    "context": {"trace_id": "0xaa", "span_id": "0x00"},
    "start_time": "2024-03-01T09:00:00.000000Z",
    "end_time": "2024-03-01T09:00:00.500000Z",
    "status": {"status_code": "UNSET"},
    "attributes": {**OLD, "gen_ai.input.messages": json.dumps(SHOWN), "gen_ai.output.messages": json.dumps(SAID)},
    "events": [],
}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([request(span(OPENLLMETRY))], id="OpenLLMetry's attributes, one a message"),
        pytest.param([request(span(OLD, CONTENT_EVENTS))], id="conventions 1.26: two events with JSON"),
        pytest.param([request(span(OLD)), LOGGED], id="conventions 1.28: log records behind their span"),
        pytest.param([LOGGED, request(span(OLD))], id="log records before their span"),
        pytest.param([request(span(OLD, DETAILS))], id="conventions 1.37: one event with the details"),
        pytest.param([PRINTED], id="an SDK's span, printed"),
    ],
)
def test_a_conversation_is_read_from_every_form(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    (read,) = read_otel(written(tmp_path, *lines))
    assert said(read) == [("caller", QUESTION), ("agent", ANSWER)]
    (call,) = model_calls(read)
    assert (call.provider, call.total_ms, call.text) == ("acme", 500.0, ANSWER)


def test_older_names_of_tokens_and_sessions_are_known(tmp_path: Path) -> None:
    (read,) = read_otel(written(tmp_path, request(span(OPENLLMETRY))))
    (call,) = model_calls(read)
    assert (read.transcript.id, call.model, call.input_tokens, call.output_tokens) == ("S1", "acme-2", 30, 7)


def test_log_records_are_kept_with_their_span(tmp_path: Path) -> None:
    (read,) = read_otel(written(tmp_path, request(span(OLD)), LOGGED))
    assert len(read.originals[0]["logRecords"]) == 2


def test_a_tool_of_openllmetry_is_a_tool_call(tmp_path: Path) -> None:
    tool = span({"traceloop.span.kind": "tool", "traceloop.entity.name": "track", "traceloop.entity.input": '{"n": 4}'})
    (read,) = read_otel(written(tmp_path, request(tool)))
    (call,) = read.transcript.entries
    assert isinstance(call, ToolCall)
    assert (call.tool, call.arguments) == ("track", {"n": 4})


def test_words_that_several_models_were_shown_were_said_once(tmp_path: Path) -> None:
    """A router, a call that ends in a tool, and the call behind the tool; then the same words again, and meant."""
    asks = {"role": "assistant", "parts": [{"type": "tool_call", "name": "track", "arguments": {}}]}
    found = {"role": "tool", "parts": [{"type": "tool_call_response", "result": "post"}]}

    def chat(at_ms: int, shown: list[Any], answered: list[Any], took_ms: int = 500) -> dict[str, Any]:
        messages = {"gen_ai.input.messages": json.dumps(shown), "gen_ai.output.messages": json.dumps(answered)}
        return span(OLD | messages, at_ms=at_ms, took_ms=took_ms)

    spans = [
        chat(0, SHOWN, []),
        chat(10, SHOWN, [asks]),
        chat(600, [*SHOWN, asks, found], SAID),
        chat(700, SHOWN, [], took_ms=900),
        chat(5000, [*SHOWN, asks, found, *SAID, *SHOWN], SAID),
    ]
    (read,) = read_otel(written(tmp_path, request(*spans)))
    assert said(read) == [("caller", QUESTION), ("agent", ANSWER)] * 2
    assert len(model_calls(read)) == 5


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([request(span({"http.method": "GET"}))], r"traces.jsonl: none of 1 spans is of a model or a tool"),
        ([LOGGED], r"traces.jsonl:1: resourceLogs\[0\].scopeLogs\[0\].logRecords\[0\]: a message of a span that isn't"),
        ([{"name": "x", "context": {}, "start_time": "2024-03-01"}], r"traces.jsonl:1: trace_id is missing"),
        ([PRINTED | {"start_time": 5}], r"traces.jsonl:1: no span as an SDK prints it"),
        ([{"resourceLogs": 5}], r"traces.jsonl:1: resourceLogs is no list"),
        ([{"spans": []}], r"traces.jsonl:1: no resourceSpans"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path, lines: list[Any], expected: str) -> None:
    with pytest.raises(BadHistoryError, match=expected):
        list(read_otel(written(tmp_path, *lines)))


# --- Langfuse --------------------------------------------------------------------------------------------------------


def test_langfuse_columns_of_the_blob_export_are_the_fields_of_the_api(tmp_path: Path) -> None:
    trace = {"id": "t1", "timestamp": "2024-03-01 09:00:00.000", "user_id": "u9", "session_id": "s1", "input": ""}
    generation = {
        "id": "o1",
        "trace_id": "t1",
        "type": "GENERATION",
        "start_time": "2024-03-01 09:00:00.100",
        "end_time": "2024-03-01 09:00:00.600",
        "provided_model_name": "acme-2",
        "usage_details": {"input": "30", "output": 5},
        "cost_details": {"total": "0.0012"},
        "input": json.dumps([{"role": "user", "content": QUESTION}]),
        "output": json.dumps({"role": "assistant", "content": ANSWER}),
        "prompt_name": "p",
        "prompt_version": 2,
    }
    (read,) = read_langfuse(written(tmp_path, trace, generation))
    assert (read.transcript.id, read.transcript.subject) == ("s1", "u9")
    assert said(read) == [("caller", QUESTION), ("agent", ANSWER)]
    (call,) = model_calls(read)
    assert (call.model, call.prompt_version, call.total_ms) == ("acme-2", "p@2", 500.0)
    assert (call.input_tokens, call.output_tokens, call.cost_micros) == (30, 5, 1200)
    assert generation in read.originals


@pytest.mark.parametrize(
    ("shown", "answered"),
    [
        pytest.param([[{"role": "human", "content": QUESTION}]], {"role": "ai", "content": ANSWER}, id="LangChain"),
        pytest.param(
            {"messages": [{"role": "user", "content": QUESTION}]},
            {"choices": [{"message": {"role": "assistant", "content": ANSWER}}]},
            id="OpenAI's request and answer",
        ),
        pytest.param(QUESTION, ANSWER, id="bare text"),
    ],
)
def test_langfuse_inputs_and_outputs_of_other_libraries_are_read(tmp_path: Path, shown: Any, answered: Any) -> None:
    trace = {"id": "t1", "timestamp": "2024-03-01T09:00:00Z", "input": shown, "output": answered}
    (read,) = read_langfuse(written(tmp_path, trace))
    assert said(read) == [("caller", QUESTION), ("agent", ANSWER)]


def test_langfuse_generations_of_one_question_tell_it_once(tmp_path: Path) -> None:
    def generation(number: int, answered: str | None) -> dict[str, Any]:
        shown = [{"role": "user", "content": QUESTION}]
        at = f"2024-03-01T09:00:0{number}Z"
        return {"type": "GENERATION", "startTime": at, "endTime": at, "input": shown, "output": answered}

    trace = {
        "id": "t1",
        "timestamp": "2024-03-01T09:00:00Z",
        "observations": [generation(1, None), generation(2, ANSWER)],
    }
    (read,) = read_langfuse(written(tmp_path, trace))
    assert said(read) == [("caller", QUESTION), ("agent", ANSWER)]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"id": "x", "started_at": "0001-01-01T00:00:00+14:00", "entries": []}', "not ISO 8601"),
        (
            '{"id": "x", "started_at": "2024-03-01", "entries": [{"type": "message", "total": NaN}]}',
            "a number that is none",
        ),
        ('{"id": "", "started_at": "2024-03-01", "entries": []}', "id"),
        (
            '{"id": "x", "started_at": "2024-03-01", "entries": [{"type": "tool_call", "tool": "t", "elapsed_ms": -1}]}',
            "elapsed_ms",
        ),
        ('{"id": "x", "started_at": "2024-03-01", "more": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"id": "x", "started_at": "2024-03-01", "entries": [], "more": "half \\ud83d"}', "half a character"),
        (
            '{"id": "x", "started_at": "2024-03-01", "entries": [{"type": "model_call", "input_tokens": -1}]}',
            "entries",
        ),
        (
            '{"id": "x", "started_at": "2024-03-01", "entries": [{"type": "model_call", "input_tokens": 1'
            + "0" * 30
            + "}]}",
            "entries",
        ),
    ],
)
def test_what_no_event_can_hold_is_refused_by_file_and_line(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(line)
    with pytest.raises(BadHistoryError, match=rf"t\.jsonl:1: .*{expected}"):
        [facts_of(read, "transcripts", NOW_US) for read in read_transcripts(path)]


def test_a_span_of_no_year_is_refused(tmp_path: Path) -> None:
    late = span(OLD) | {"startTimeUnixNano": "1" + "0" * 30}
    with pytest.raises(BadHistoryError, match="a time, a name or an attribute"):
        list(read_otel(written(tmp_path, request(late))))


def test_a_cost_without_end_is_refused_and_a_count_that_no_event_holds_is_unknown(tmp_path: Path) -> None:
    at = "2024-03-01T09:00:00Z"
    generation = {"type": "GENERATION", "startTime": at, "usageDetails": {"input": 10**30, "output": "7"}}
    trace = {"id": "t1", "timestamp": at, "observations": [generation]}
    (read,) = read_langfuse(written(tmp_path, trace))
    assert [(call.input_tokens, call.output_tokens) for call in model_calls(read)] == [(None, 7)]
    path = tmp_path / "endless.jsonl"
    path.write_text(json.dumps(trace).replace('"usageDetails"', '"calculatedTotalCost": 1e400, "usageDetails"'))
    with pytest.raises(BadHistoryError, match="not as Langfuse writes it"):
        list(read_langfuse(path))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_text_that_says_how_it_is_encoded_is_read_so(tmp_path: Path, encoding: str) -> None:
    said = "Grüße, wo ist meine Karte? 口座"
    entry = {"type": "message", "role": "caller", "text": said}
    file = tmp_path / "calls.jsonl"
    conversation = {"id": "a", "started_at": "2024-03-01T09:00:00Z", "entries": [entry]}
    file.write_text(json.dumps(conversation, ensure_ascii=False), encoding=encoding)
    (read,) = read_transcripts(file)
    (message,) = read.transcript.entries
    assert isinstance(message, Message)
    assert message.text == said


def test_bytes_that_are_no_text_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(BadHistoryError, match="no UTF-8 at byte 2: save it as UTF-8"):
        list(read_transcripts(tmp_path / "calls.jsonl"))
    (tmp_path / "cut.jsonl").write_bytes("Grüße".encode("utf-16")[:-1])
    with pytest.raises(BadHistoryError, match="no UTF-16 at byte"):
        list(read_transcripts(tmp_path / "cut.jsonl"))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"type": "message", "role": "supervisor", "text": "Hm."}, r"role` \(a role is caller, agent or system\)$"),
        ({"type": "note", "text": "Hm."}, r"type` \(an entry's type is message, model_call or tool_call\)$"),
        ({"type": "message", "role": "caller", "text": None}, r"text` \(leave out what isn't known\)$"),
    ],
)
def test_a_transcript_of_another_shape_is_refused_with_what_to_do(
    tmp_path: Path, entry: dict[str, Any], expected: str
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps({"id": "a", "started_at": "2024-03-01T09:00:00Z", "entries": [entry]}))
    with pytest.raises(BadHistoryError, match=expected):
        list(read_transcripts(file))
