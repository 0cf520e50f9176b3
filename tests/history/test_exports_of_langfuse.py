"""Langfuse's exports in the forms of its versions: enriched observations without traces, scores beside them, CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from streams.history.langfuse import read_langfuse
from streams.history.transcript import BadHistoryError, Message, ModelCall, Read, Record

QUESTION, ANSWER = "Where is my card?", "In the post."
SAID = [("caller", QUESTION), ("agent", ANSWER)]
ROOT = {
    "id": "o-1",
    "trace_id": "t-1",
    "type": "SPAN",
    "parent_observation_id": None,
    "start_time": "2024-03-01 09:00:00.000000",
    "end_time": "2024-03-01 09:00:01.000000",
    "name": "turn",
    "input": QUESTION,
    "output": ANSWER,
    "session_id": "s-1",
    "user_id": "u-1",
}
GENERATION = {
    "id": "o-2",
    "trace_id": "t-1",
    "type": "GENERATION",
    "parent_observation_id": "o-1",
    "start_time": "2024-03-01 09:00:00.100000",
    "completion_start_time": "2024-03-01 09:00:00.400000",
    "end_time": "2024-03-01 09:00:00.900000",
    "input": json.dumps([{"role": "user", "content": QUESTION}]),
    "output": json.dumps({"role": "assistant", "content": ANSWER}),
    "provided_model_name": "acme-2",
    "usage_details": {"input": 12, "output": 3},
    "total_cost": 0.003,
    "session_id": None,
    "user_id": None,
}
SCORE = {
    "id": "c-1",
    "timestamp": "2024-03-01 09:05:00.000000",
    "trace_id": "t-1",
    "session_id": None,
    "name": "satisfaction",
    "value": 1,
    "data_type": "NUMERIC",
}


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def cells(path: Path, *rows: dict[str, Any]) -> Path:
    """As Langfuse's ``transformStreamToCsv`` writes them."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(rows[0])
        for row in rows:
            told = ("" if value is None else value for value in row.values())
            writer.writerow(value if isinstance(value, str) else json.dumps(value) for value in told)
    return path


def said(read: Read) -> list[tuple[str, str]]:
    return [(entry.role, entry.text) for entry in read.transcript.entries if isinstance(entry, Message)]


def test_rows_of_a_trace_share_the_session_and_the_user_that_one_of_them_names(tmp_path: Path) -> None:
    (read,) = read_langfuse(lines(tmp_path / "o.jsonl", GENERATION, ROOT))
    assert (read.transcript.id, read.transcript.subject, said(read)) == ("s-1", "u-1", SAID)


def test_a_cost_and_a_first_token_are_read_from_an_enriched_row(tmp_path: Path) -> None:
    (read,) = read_langfuse(lines(tmp_path / "o.jsonl", GENERATION))
    (call,) = (entry for entry in read.transcript.entries if isinstance(entry, ModelCall))
    assert (call.model, call.input_tokens, call.cost_micros, call.first_token_ms) == ("acme-2", 12, 3000, 300.0)


def test_where_no_trace_and_no_generation_stands_there_the_root_says_what_was_said(tmp_path: Path) -> None:
    inner = {**ROOT, "id": "o-3", "parent_observation_id": "o-1", "type": "CHAIN"}
    question = {**ROOT, "type": "AGENT", "input": json.dumps({"query": QUESTION})}
    (read,) = read_langfuse(lines(tmp_path / "o.jsonl", question, inner))
    assert said(read) == SAID


def test_a_generation_without_words_leaves_it_to_its_trace(tmp_path: Path) -> None:
    (read,) = read_langfuse(lines(tmp_path / "o.jsonl", ROOT, {**GENERATION, "input": None, "output": None}))
    assert said(read) == SAID


def test_scores_are_kept_with_their_trace_and_are_no_conversation(tmp_path: Path) -> None:
    observations, scores = lines(tmp_path / "o.jsonl", ROOT, GENERATION), lines(tmp_path / "s.jsonl", SCORE)
    (read,) = read_langfuse(scores, observations)
    assert [entry.name for entry in read.transcript.entries if isinstance(entry, Record)] == ["turn", "satisfaction"]
    assert said(read) == SAID


@pytest.mark.parametrize("of", [{}, {"trace_id": None, "session_id": "s-1"}], ids=["a trace", "a session"])
def test_scores_alone_are_refused_by_name(tmp_path: Path, of: dict[str, Any]) -> None:
    with pytest.raises(BadHistoryError, match=r"s\.jsonl:1: a score of a trace that isn't here"):
        list(read_langfuse(lines(tmp_path / "s.jsonl", SCORE | of)))


def test_csv_reads_as_json_lines_do(tmp_path: Path) -> None:
    generation = {name: GENERATION.get(name) for name in {**ROOT, **GENERATION}}
    root = {name: ROOT.get(name) for name in generation}
    (of_csv,) = read_langfuse(cells(tmp_path / "o.csv", root, generation))
    (of_json,) = read_langfuse(lines(tmp_path / "o.jsonl", root, generation))
    assert of_csv.transcript == of_json.transcript


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('"id","type"\n"a"\n', r"o\.csv:2: 1 cells where the first line names 2 columns"),
        ('"id","type"\n"a","b\n', r"o\.csv:2: not CSV: unexpected end of data"),
        ("id;type\na;b\n", r"o\.csv:1: the columns are separated by semicolons: export it with commas"),
        ('"id"\t"type"\n"a"\t"b"\n', r"o\.csv:1: .* by tabs"),
        ("id,type,id\na,b,c\n", r"o\.csv:1: two columns have the same name"),
    ],
)
def test_csv_that_is_none_is_named_by_its_line(tmp_path: Path, text: str, refused: str) -> None:
    path = tmp_path / "o.csv"
    path.write_text(text)
    with pytest.raises(BadHistoryError, match=refused):
        list(read_langfuse(path))


def test_an_observation_that_stands_in_two_files_counts_once(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text(json.dumps({"data": [ROOT, GENERATION]}, indent=1))
    (read,) = read_langfuse(lines(tmp_path / "o.jsonl", ROOT, GENERATION), page)
    assert said(read) == SAID


def test_an_observation_that_reads_otherwise_elsewhere_is_named_with_both_places(tmp_path: Path) -> None:
    first, second = lines(tmp_path / "1.jsonl", ROOT), lines(tmp_path / "2.jsonl", {**ROOT, "output": "Lost."})
    with pytest.raises(
        BadHistoryError, match=r"2\.jsonl:1: the same observation stands at .*1\.jsonl:1, and reads otherwise"
    ):
        list(read_langfuse(first, second))
