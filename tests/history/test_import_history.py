"""History of other systems: facts of conversations that we never ran, whole, once, and never taken for decisions of ours."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.replay import record_calls
from console.main import app
from console.progress import Progress

CLI = CliRunner()
TRANSCRIPT = {
    "id": "desk-77",
    "channel": "chat",
    "language": "en",
    "subject": "customer-9",
    "started_at": "2024-03-01T09:00:00Z",
    "ended": "solved",
    "ended_at": "2024-03-01T09:02:00Z",
    "house": "north",
    "entries": [
        {"type": "message", "role": "agent", "text": "Hello, this is the bank.", "at": "2024-03-01T09:00:01Z"},
        {
            "type": "message",
            "role": "caller",
            "text": "My card is gone.",
            "at": "2024-03-01T09:00:09Z",
            "mood": "tense",
        },
        {
            "type": "model_call",
            "messages": [{"role": "user", "content": "My card is gone."}],
            "text": "I have frozen it.",
            "provider": "acme",
            "model": "acme-2",
            "input_tokens": 40,
            "output_tokens": 6,
            "total_ms": 812.5,
        },
        {"type": "tool_call", "tool": "freeze", "arguments": {"card": 4}, "result": {"ok": True}, "elapsed_ms": 80.0},
        {"type": "message", "role": "agent", "text": "I have frozen it.", "at": "2024-03-01T09:00:11Z"},
        {"type": "record", "name": "survey"},
    ],
}


def told(data: Path, *arguments: str, exit_code: int = 0) -> Any:
    result = CLI.invoke(app, [*arguments, "--data", str(data), "--json"])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout) if exit_code == 0 or result.stdout.startswith(("{", "[")) else result.stderr


def written(path: Path, *values: Any) -> Path:
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))
    return path


def imported(data: Path, source: str, *files: Path) -> Any:
    return told(data, "import", "--from", source, *map(str, files))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    return written(tmp_path / "t.jsonl", TRANSCRIPT)


def test_a_transcript_is_shown_listed_and_verified_as_another_systems(data: Path, transcripts: Path) -> None:
    assert imported(data, "transcripts", transcripts)["added"] == 8
    (call,) = told(data, "calls")
    assert (call["status"], call["turns"], call["outcome"]) == ("ended", 1, "solved")
    assert call["started_at"] == "2024-03-01T09:00:00.000Z"
    report = told(data, "show", "last")
    (turn,) = report["turns"]
    assert (turn["heard"], turn["spoken"]) == ("My card is gone.", "I have frozen it.")
    assert (turn["race"]["attempts"][0]["model"], turn["tools"][0]["tool"]) == ("acme-2", "freeze")
    assert report["agent_turns"][0]["spoken"] == "Hello, this is the bank."
    verified = told(data, "verify")
    assert (verified["problems"], verified["imported"], verified["decisions"]) == ([], 1, 0)
    replayed = told(data, "replay", "last")
    assert (replayed["identical"], replayed["decisions"]) == (None, 0)


def test_a_conversation_of_which_no_end_is_told_is_not_listed_as_ended(data: Path, tmp_path: Path) -> None:
    endless = {key: part for key, part in TRANSCRIPT.items() if not key.startswith("ended")}
    imported(data, "transcripts", written(tmp_path / "a.jsonl", endless))
    (call,) = told(data, "calls")
    assert (call["status"], call["outcome"]) == (None, None)
    assert "None" not in CLI.invoke(app, ["calls", "--data", str(data)]).output


def test_importing_twice_is_importing_once_and_a_longer_export_adds_the_rest(data: Path, tmp_path: Path) -> None:
    longer = {key: part for key, part in TRANSCRIPT.items() if not key.startswith("ended")}
    shorter = longer | {"entries": longer["entries"][:2]}
    first = written(tmp_path / "a.jsonl", shorter)
    assert imported(data, "transcripts", first)["added"] == 3
    assert imported(data, "transcripts", first)["added"] == 0
    assert imported(data, "transcripts", written(tmp_path / "b.jsonl", longer))["added"] == 4
    assert told(data, "verify")["events"] == 7


def test_a_copy_of_a_log_takes_no_history_for_a_call_that_goes_on(
    data: Path, transcripts: Path, tmp_path: Path
) -> None:
    imported(data, "transcripts", transcripts)
    copied = told(data, "export", str(tmp_path / "calls.ledger"))
    assert (copied["conversations"], copied["open"]) == (1, 0)


def test_a_conversation_that_reads_otherwise_now_is_left_and_named(data: Path, tmp_path: Path) -> None:
    imported(data, "transcripts", written(tmp_path / "a.jsonl", TRANSCRIPT))
    (call,) = told(data, "calls")
    other = json.loads(json.dumps(TRANSCRIPT).replace("frozen", "thawed"))
    found = told(data, "import", "--from", "transcripts", str(written(tmp_path / "b.jsonl", other)), exit_code=1)
    assert (found["added"], found["differing"]) == (0, [call["call_id"]])


def test_nothing_of_a_record_is_lost(data: Path, transcripts: Path) -> None:
    imported(data, "transcripts", transcripts)
    result = CLI.invoke(app, ["show", "last", "--events", "--data", str(data)])
    assert result.exit_code == 0
    from support import run

    from console.settings import load_settings
    from console.workspace import open_workspace
    from projections.effective_log import conversation_events

    async def originals() -> list[str]:
        async with open_workspace(load_settings(data, "sqlite"), create=False) as workspace:
            (call_id,) = await workspace.conversations()
            events = await conversation_events(
                workspace.stores.ledger, workspace.codec, call_id, lambda damage: pytest.fail(damage.message)
            )
            return [getattr(event.payload, "original", "") for event in events]

    kept = run(originals())
    assert json.loads(kept[0])["house"] == "north"
    assert [json.loads(each) for each in kept[1:7]] == TRANSCRIPT["entries"]


def test_what_was_said_is_sealed_on_disk(data: Path, transcripts: Path) -> None:
    imported(data, "transcripts", transcripts)
    for file in data.rglob("*"):
        if file.is_file():
            assert b"frozen" not in file.read_bytes(), file
            assert b"desk-77" not in file.read_bytes(), file


def test_read_models_and_as_of_hold_it_at_its_own_time(data: Path, transcripts: Path) -> None:
    imported(data, "transcripts", transcripts)
    (row,) = told(data, "sql", "select source, channel, status, turns, started_us from conversations")
    began_us = 1_709_283_600_000_000  # 2024-03-01T09:00:00Z
    assert list(row.values()) == ["transcripts", "chat", "ended", 1, began_us]
    (turn,) = told(data, "sql", "select heard, spoken, outcome from turns where cause = 'utterance'")
    assert list(turn.values()) == ["My card is gone.", "I have frozen it.", "reply"]
    assert told(data, "sql", "select provider, total_ms from model_calls") == [{"provider": "acme", "total_ms": 812.5}]
    assert told(data, "sql", "select tool, state from tool_calls") == [{"tool": "freeze", "state": "returned"}]
    then = told(data, "as-of", "2024-03-01T09:00:10Z", "show", "last")
    assert then["turns"][0]["heard"] == "My card is gone."
    assert then["turns"][0]["spoken"] is None


def test_history_that_is_older_than_the_log_has_its_moments(data: Path, transcripts: Path) -> None:
    asyncio.run(record_calls(data, 1))
    imported(data, "transcripts", transcripts)
    moment = "2024-03-01T09:00:10Z"
    (call_id,) = (call["call_id"] for call in told(data, "calls") if call["outcome"] == "solved")
    assert told(data, "as-of", moment, "show", call_id)["turns"][0]["spoken"] is None
    (row,) = told(data, "as-of", moment, "sql", "select source, status, ended_us from conversations")
    assert row == {"source": "transcripts", "status": None, "ended_us": None}
    assert "no behaviour was recorded" in told(data, "as-of", moment, "knowledge", "card-delivery", exit_code=2)
    ran = CLI.invoke(app, ["as-of", moment, "sql", "select * from articles", "--data", str(data), "--json"])
    assert (json.loads(ran.stdout), "no behaviour was recorded here" in ran.stderr) == ([], True)
    refused = told(data, "as-of", "2024-02-29", "sql", "select 1", exit_code=2)
    assert "lies before the log began: its first step is of 2024-03-01T09:00:00" in refused


def test_the_moment_of_an_imported_call_is_when_the_log_had_it_and_the_answer_says_so(
    data: Path, transcripts: Path
) -> None:
    asyncio.run(record_calls(data, 1))
    imported(data, "transcripts", transcripts)
    (call_id,) = (call["call_id"] for call in told(data, "calls") if call["outcome"] == "solved")
    query = "select source, count(*) as n from conversations group by source order by source nulls last"
    ran = CLI.invoke(app, ["as-of", f"call:{call_id}", "sql", query, "--data", str(data), "--json"])
    assert json.loads(ran.stdout) == [{"source": "transcripts", "n": 1}, {"source": None, "n": 1}]
    assert f"{call_id} was imported: this is the moment at which the log had it" in ran.stderr
    assert "as-of 2024-03-01T09:02:00.000000Z asks for that one" in ran.stderr
    refused = told(data, "as-of", f"call:{call_id}", "knowledge", "card-delivery", exit_code=2)
    assert "pinned no behaviour of this agent" in refused


def test_a_subject_that_nobody_named_is_unknown(data: Path, tmp_path: Path) -> None:
    nameless = {name: value for name, value in TRANSCRIPT.items() if name != "subject"} | {"id": "desk-78"}
    imported(data, "transcripts", written(tmp_path / "calls.jsonl", TRANSCRIPT, nameless))
    told_of = told(data, "sql", "select caller, count(*) from conversations group by caller order by caller nulls last")
    assert [tuple(row.values()) for row in told_of] == [("customer-9", 1), (None, 1)]


def test_all_that_was_said_in_a_turn_stands_in_its_row(data: Path, tmp_path: Path) -> None:
    said = [("agent", "Hello."), ("agent", "Fjord Energy."), ("caller", "My bill."), ("caller", "It is too high.")]
    said += [("agent", "One moment."), ("agent", "It rests on an estimate.")]
    entries = [{"type": "message", "role": role, "text": text} for role, text in said]
    file = tmp_path / "several.jsonl"
    file.write_text(json.dumps({"id": "1", "started_at": "2024-03-01T09:00:00Z", "entries": entries}), encoding="utf-8")
    imported(data, "transcripts", file)
    rows = told(data, "sql", "select heard, chosen, spoken from turns order by turn_id")
    answer = "One moment. It rests on an estimate."
    assert [tuple(row.values()) for row in rows] == [
        (None, "Hello. Fjord Energy.", "Hello. Fjord Energy."),
        ("My bill. It is too high.", answer, answer),
    ]


SPAN = {
    "traceId": "aa11",
    "spanId": "01",
    "name": "chat acme-2",
    "startTimeUnixNano": "1709283600000000000",
    "endTimeUnixNano": "1709283600900000000",
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.provider.name", "value": {"stringValue": "acme"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "acme-2"}},
        {"key": "gen_ai.conversation.id", "value": {"stringValue": "otel-5"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "41"}},
        {
            "key": "gen_ai.input.messages",
            "value": {
                "stringValue": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}])
            },
        },
        {
            "key": "gen_ai.output.messages",
            "value": {
                "stringValue": json.dumps(
                    [{"role": "assistant", "parts": [{"type": "text", "content": "On its way."}]}]
                )
            },
        },
    ],
}
OLDER_SPAN = {
    "traceId": "aa12",
    "name": "chat",
    "startTimeUnixNano": "1709283610000000000",
    "endTimeUnixNano": "1709283611000000000",
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.system", "value": {"stringValue": "acme"}},
        {"key": "gen_ai.conversation.id", "value": {"stringValue": "otel-5"}},
    ],
    "events": [
        {"name": "gen_ai.user.message", "attributes": [{"key": "content", "value": {"stringValue": "And the PIN?"}}]},
        {
            "name": "gen_ai.choice",
            "attributes": [
                {"key": "message", "value": {"stringValue": '{"role": "assistant", "content": "By post."}'}}
            ],
        },
    ],
}
TOOL_SPAN = {
    "traceId": "aa11",
    "name": "execute_tool track",
    "startTimeUnixNano": "1709283600100000000",
    "endTimeUnixNano": "1709283600200000000",
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        {"key": "gen_ai.tool.name", "value": {"stringValue": "track"}},
    ],
}
DATABASE_SPAN = {"traceId": "aa11", "name": "SELECT", "startTimeUnixNano": "1709283600110000000"}


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def test_spans_of_both_generations_of_the_conventions_are_one_conversation(data: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "spans.json", otlp(OLDER_SPAN), otlp(SPAN, TOOL_SPAN, DATABASE_SPAN))
    found = imported(data, "otel", file)
    assert (found["conversations"], found["turns"], imported(data, "otel", file)["added"]) == (1, 2, 0)
    turns = told(data, "show", "last")["turns"]
    assert [(turn["heard"], turn["spoken"]) for turn in turns] == [
        ("Where is it?", "On its way."),
        ("And the PIN?", "By post."),
    ]
    assert turns[0]["race"]["attempts"][0]["took_ms"] == 900.0
    assert turns[0]["tools"][0] | {"tool": "track", "took_ms": 100.0} == turns[0]["tools"][0]


def test_a_langfuse_export_is_a_conversation_by_session(data: Path, tmp_path: Path) -> None:
    generation = {
        "id": "g1",
        "type": "GENERATION",
        "startTime": "2024-03-01T10:00:00.000Z",
        "endTime": "2024-03-01T10:00:01.250Z",
        "completionStartTime": "2024-03-01T10:00:00.400Z",
        "model": "acme-2",
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Am I insured?"}],
        "output": {"role": "assistant", "content": "Yes, abroad too."},
        "usageDetails": {"input": 52, "output": 5},
        "calculatedTotalCost": 0.0004,
        "promptName": "bank",
        "promptVersion": 3,
    }
    trace = {"id": "t1", "sessionId": "s1", "userId": "customer-9", "timestamp": "2024-03-01T10:00:00Z", "name": "call"}
    second = {
        "id": "t2",
        "sessionId": "s1",
        "timestamp": "2024-03-01T10:01:00Z",
        "input": "Thanks!",
        "output": "Goodbye.",
    }
    file = tmp_path / "export.json"
    file.write_text(json.dumps([trace | {"observations": [generation]}, second], indent=1))
    assert imported(data, "langfuse", file)["conversations"] == 1
    turns = told(data, "show", "last")["turns"]
    assert [(turn["heard"], turn["spoken"]) for turn in turns] == [
        ("Am I insured?", "Yes, abroad too."),
        ("Thanks!", "Goodbye."),
    ]
    attempt = turns[0]["race"]["attempts"][0]
    assert (attempt["first_token_ms"], attempt["took_ms"], attempt["cost_micros"]) == (400.0, 1250.0, 400)


@pytest.mark.parametrize(
    ("source", "lines", "said"),
    [
        ("transcripts", [json.dumps(TRANSCRIPT), "{]"], ":2: not JSON"),
        ("transcripts", [json.dumps(TRANSCRIPT), "", '{"id": "x"}'], ":3: Object missing required field"),
        ("transcripts", ["7"], ":1: a int where a record"),
        ("transcripts", [json.dumps(TRANSCRIPT), '{"id": "x", "id": "y"}'], ":2: an object has the same name twice"),
        (
            "otel",
            ['{"resourceSpans": [{"scopeSpans": [], "scopeSpans": []}]}'],
            ":1: an object has the same name twice",
        ),
        ("transcripts", [json.dumps(TRANSCRIPT | {"started_at": "yesterday"})], ":1: a time is not ISO 8601"),
        ("transcripts", [json.dumps(TRANSCRIPT | {"started_at": "2924-03-01"})], ":1: entries[0]: it is older"),
        (
            "transcripts",
            [json.dumps(TRANSCRIPT | {"entries": [], "ended_at": "2924-03-01"})],
            ":1: a time lies in the future",
        ),
        (
            "transcripts",
            [json.dumps(TRANSCRIPT), json.dumps(TRANSCRIPT | {"ended": "unsolved"})],
            ":2: the same conversation stands at",
        ),
        ("otel", ["{}"], ":1: no resourceSpans"),
        (
            "otel",
            [json.dumps(otlp(SPAN)), json.dumps(otlp({"traceId": "x"}))],
            ":2: resourceSpans[0].scopeSpans[0].spans[0]: start",
        ),
        ("langfuse", ['{"id": "t"}'], ":1: timestamp is missing"),
        ("langfuse", ['{"id": "t", "timestamp": "2024-01-01", "sessionId": ["s"]}'], ":1: sessionId is a list"),
        ("langfuse", ['{"id": "t", "timestamp": 1756720000}'], ":1: timestamp is a int where a text is expected"),
        (
            "langfuse",
            ['{"id": "t", "timestamp": "2024-01-01", "observations": [{"type": "SPAN"}]}'],
            "observations[0]: startTime",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line_and_nothing_is_imported(
    data: Path, tmp_path: Path, source: str, lines: list[str], said: str
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join(lines) + "\n")
    result = CLI.invoke(app, ["import", "--from", source, str(file), "--data", str(data)])
    assert result.exit_code == 2
    assert f"{file}{said}" in result.stderr or (str(file) in result.stderr and said in result.stderr), result.stderr
    assert "frozen" not in result.stderr
    assert "[]" in CLI.invoke(app, ["calls", "--data", str(data), "--json"]).output or not (data / "ledger.db").exists()


def test_an_import_tells_how_far_it_is(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told_of: list[tuple[int, int]] = []
    monkeypatch.setattr(Progress, "__call__", lambda _, done, of: told_of.append((done, of)))
    imported(data, "transcripts", written(tmp_path / "calls.jsonl", TRANSCRIPT, TRANSCRIPT | {"id": "desk-78"}))
    assert told_of == [(0, 2), (1, 2)]


def test_a_compressed_file_is_named_as_one(data: Path, tmp_path: Path) -> None:
    packed = tmp_path / "calls.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(TRANSCRIPT).encode()))
    refused = told(data, "import", "--from", "transcripts", str(packed), exit_code=2)
    assert "is compressed (gzip): unpack it first" in refused


def test_the_shape_of_transcripts_is_printed_as_json_schema() -> None:
    result = CLI.invoke(app, ["schema", "transcripts"])
    assert "Transcript" in json.loads(result.stdout)["$defs"]
