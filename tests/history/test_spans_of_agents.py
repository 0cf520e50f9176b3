"""Spans of OpenTelemetry in which an agent's span, an attribute or another file has what the model's span has not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console.main import app
from streams.history.otel import read_otel
from streams.history.transcript import BadHistoryError, Message, ModelCall, Read
from tests.history.test_forms_of_traces import ANSWER, LOGGED, OLD, QUESTION, SAID, SHOWN, request, span

BOTH = [("caller", QUESTION), ("agent", ANSWER)]
MESSAGES = {"gen_ai.input.messages": json.dumps(SHOWN), "gen_ai.output.messages": json.dumps(SAID)}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "desk"} | MESSAGES


def written(path: Path, *values: Any) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def said(read: Read) -> list[tuple[str, str]]:
    return [(entry.role, entry.text) for entry in read.transcript.entries if isinstance(entry, Message)]


def within(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    return {**child, "parentSpanId": parent["spanId"]}


def test_an_agents_span_tells_what_its_models_spans_keep_to_themselves(tmp_path: Path) -> None:
    outer = span(AGENT, at_ms=1, took_ms=900)
    inner = within(outer, span(AGENT, at_ms=2, took_ms=800))
    model = within(inner, span(OLD, at_ms=3))
    (read,) = read_otel(written(tmp_path / "s.jsonl", request(outer, inner, model)))
    assert said(read) == BOTH


def test_an_agents_span_adds_nothing_to_what_its_models_spans_tell(tmp_path: Path) -> None:
    agent = span(AGENT, at_ms=1, took_ms=900)
    (read,) = read_otel(written(tmp_path / "s.jsonl", request(agent, within(agent, span(OLD | MESSAGES, at_ms=2)))))
    assert said(read) == BOTH


def test_messages_that_stand_as_events_in_an_attribute_are_read(tmp_path: Path) -> None:
    events = [
        {"event.name": "gen_ai.user.message", "role": "user", "content": QUESTION},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": ANSWER}},
    ]
    (read,) = read_otel(written(tmp_path / "s.jsonl", request(span(OLD | {"events": json.dumps(events)}))))
    assert said(read) == BOTH


def test_spans_and_the_log_records_of_their_messages_may_stand_in_two_files(tmp_path: Path) -> None:
    spans, records = written(tmp_path / "s.jsonl", request(span(OLD))), written(tmp_path / "l.jsonl", LOGGED)
    (read,) = read_otel(spans, records)
    assert said(read) == BOTH


def test_a_span_that_came_in_two_batches_counts_once(tmp_path: Path) -> None:
    first, second = span(OLD | MESSAGES, at_ms=1), span(OLD, at_ms=900)
    (read,) = read_otel(written(tmp_path / "s.jsonl", request(first), request(first, second)))
    assert len([entry for entry in read.transcript.entries if isinstance(entry, ModelCall)]) == 2


def test_a_span_that_reads_otherwise_elsewhere_is_named_with_both_places(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", request(span(OLD)), request(span(OLD | MESSAGES)))
    with pytest.raises(
        BadHistoryError, match=r"s\.jsonl:2: .* the same span stands at .*s\.jsonl:1: .* reads otherwise"
    ):
        list(read_otel(path))


def test_the_first_chunk_is_told_in_milliseconds(tmp_path: Path) -> None:
    named = {**OLD, "gen_ai.response.time_to_first_chunk": "0.25"}
    (read,) = read_otel(written(tmp_path / "s.jsonl", request(span(named))))
    assert [entry.first_token_ms for entry in read.transcript.entries if isinstance(entry, ModelCall)] == [250.0]


def test_models_whose_words_nobody_recorded_are_told(tmp_path: Path) -> None:
    spans = written(tmp_path / "s.jsonl", request(span(OLD)))
    data = ["--data", str(tmp_path / "data")]
    told = CliRunner().invoke(app, ["import", "--from", "otel", str(spans), *data])
    assert "in 1 of them models were called and no words are told" in told.output
    again = CliRunner().invoke(app, ["import", "--from", "otel", str(spans), *data, "--json"])
    assert json.loads(again.stdout)["wordless"] == 1
