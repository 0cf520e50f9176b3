"""Spans of OpenInference and of Vercel's AI SDK, which have names of their own for what GenAI's conventions name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.history.otel import read_otel
from streams.history.transcript import BadHistoryError, ModelCall, Record, ToolCall
from tests.history.test_forms_of_traces import ANSWER, PRINTED, QUESTION, model_calls, request, said, span, written

BOTH = [("caller", QUESTION), ("agent", ANSWER)]
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "session.id": "S1",
    "user.id": "cust-1",
    "llm.model_name": "acme-2",
    "llm.provider": "acme",
    "llm.token_count.prompt": 30,
    "llm.token_count.completion": 7,
    "llm.token_count.prompt_details.cache_read": 12,
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "You are a bank.",
    "llm.input_messages.10.message.role": "user",
    "llm.input_messages.10.message.content": QUESTION,
    "llm.input_messages.9.message.role": "assistant",
    "llm.input_messages.9.message.content": "Hello.",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": ANSWER,
    "input.value": '{"a": "request"}',
}
AI_SDK_5 = {
    "ai.operationId": "ai.streamText.doStream",
    "operation.name": "ai.streamText.doStream",
    "ai.model.id": "acme-2",
    "ai.model.provider": "acme.chat",
    "gen_ai.system": "acme",
    "ai.prompt.messages": json.dumps([{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]),
    "ai.response.text": ANSWER,
    "ai.response.msToFirstChunk": 120,
    "ai.usage.inputTokens": 30,
    "ai.usage.cachedInputTokens": 12,
    "ai.usage.outputTokens": 7,
    "ai.telemetry.metadata.sessionId": "S1",
    "ai.telemetry.metadata.userId": "cust-1",
}
AI_SDK_3 = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "acme",
    "ai.prompt.messages": json.dumps([{"role": "user", "content": QUESTION}]),
    "ai.result.text": ANSWER,
}
PARTS = {
    "openinference.span.kind": "LLM",
    "llm.system": "acme",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.contents.0.message_content.type": "text",
    "llm.input_messages.0.message.contents.0.message_content.text": QUESTION,
    "llm.input_messages.0.message.contents.1.message_content.type": "image",
    "output.value": json.dumps({"choices": [{"message": {"role": "assistant", "content": ANSWER}}]}),
}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([request(span(OPENINFERENCE))], id="OpenInference"),
        pytest.param([request(span(PARTS))], id="OpenInference: parts of a message, and an answer in output.value"),
        pytest.param([request(span(AI_SDK_5))], id="AI SDK 5"),
        pytest.param([request(span(AI_SDK_3))], id="AI SDK 3"),
        pytest.param([PRINTED | {"attributes": OPENINFERENCE}], id="OpenInference, printed by an SDK"),
    ],
)
def test_a_conversation_is_read_under_other_names(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    (read,) = read_otel(written(tmp_path, *lines))
    (call,) = model_calls(read)
    assert said(read) == [*BOTH]
    assert (call.provider, call.total_ms, call.text) == ("acme", 500.0, ANSWER)


@pytest.mark.parametrize("named", [OPENINFERENCE, AI_SDK_5], ids=["OpenInference", "AI SDK"])
def test_tokens_models_sessions_and_subjects_are_read_under_other_names(tmp_path: Path, named: dict[str, Any]) -> None:
    (read,) = read_otel(written(tmp_path, request(span(named))))
    (call,) = model_calls(read)
    assert (read.transcript.id, read.transcript.subject, call.model) == ("S1", "cust-1", "acme-2")
    assert (call.input_tokens, call.cached_tokens, call.output_tokens) == (30, 12, 7)
    assert call.first_token_ms == (120.0 if named is AI_SDK_5 else None)


@pytest.mark.parametrize(
    "named",
    [
        {"openinference.span.kind": "TOOL", "tool.name": "track", "input.value": '{"n": 4}', "output.value": "post"},
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "track",
            "ai.toolCall.args": '{"n": 4}',
            "ai.toolCall.result": "post",
        },
    ],
    ids=["OpenInference", "AI SDK"],
)
def test_a_tool_is_a_tool_call_under_other_names(tmp_path: Path, named: dict[str, Any]) -> None:
    (read,) = read_otel(written(tmp_path, request(span(named))))
    (call,) = read.transcript.entries
    assert isinstance(call, ToolCall)
    assert (call.tool, call.arguments, call.result) == ("track", {"n": 4}, "post")


@pytest.mark.parametrize(
    ("around", "within"),
    [
        ({"openinference.span.kind": "AGENT", "input.value": QUESTION, "output.value": ANSWER}, OPENINFERENCE),
        (
            {
                "ai.operationId": "ai.streamText",
                "ai.prompt": json.dumps({"prompt": QUESTION}),
                "ai.response.text": ANSWER,
            },
            AI_SDK_5,
        ),
    ],
    ids=["OpenInference", "AI SDK"],
)
def test_what_the_span_around_a_model_repeats_was_said_once(
    tmp_path: Path, around: dict[str, Any], within: dict[str, Any]
) -> None:
    spans = span(around | {"session.id": "S1"}), span(within, at_ms=10, took_ms=300)
    (read,) = read_otel(written(tmp_path, request(*spans)))
    assert said(read) == BOTH
    assert {type(entry) for entry in read.transcript.entries} >= {Record, ModelCall}


def test_an_agents_span_tells_what_no_models_span_does(tmp_path: Path) -> None:
    agent = {"openinference.span.kind": "AGENT", "input.value": QUESTION, "output.value": ANSWER}
    (read,) = read_otel(written(tmp_path, request(span(agent))))
    assert said(read) == BOTH


def test_the_record_is_kept_under_its_own_names(tmp_path: Path) -> None:
    (read,) = read_otel(written(tmp_path, request(span(AI_SDK_5))))
    kept = {each["key"] for original in read.originals if original for each in original["attributes"]}
    assert kept == set(AI_SDK_5)


def test_a_time_that_is_no_number_is_refused_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadHistoryError, match=r"traces.jsonl:1: resourceSpans\[0\].scopeSpans\[0\].spans\[0\]: "):
        list(read_otel(written(tmp_path, request(span(AI_SDK_5 | {"ai.response.msToFirstChunk": "soon"})))))


def test_spans_of_neither_a_model_nor_a_tool_are_refused_with_the_conventions_that_are_known(tmp_path: Path) -> None:
    chain = span({"openinference.span.kind": "CHAIN", "input.value": QUESTION})
    with pytest.raises(BadHistoryError, match=r"none of 1 spans .* OpenLLMetry, OpenInference or Vercel's AI SDK"):
        list(read_otel(written(tmp_path, request(chain))))
