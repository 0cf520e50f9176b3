"""Imports that overlap, and imports that were broken off: what is there counts once, and what stands is said."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from console.main import app
from console.progress import Progress

CLI = CliRunner()
TRANSCRIPT = {
    "id": "desk-77",
    "started_at": "2024-03-01T09:00:00Z",
    "entries": [
        {"type": "message", "role": "caller", "text": "My card is gone.", "at": "2024-03-01T09:00:09Z"},
        {"type": "message", "role": "agent", "text": "I have frozen it.", "at": "2024-03-01T09:00:11Z"},
    ],
}
EVENTS = 3  # of each transcript: its beginning, and what was said
REQUEST = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "t-1",
                            "spanId": "s-1",
                            "name": "chat",
                            "startTimeUnixNano": "1709283600000000000",
                            "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
                        }
                    ]
                }
            ]
        }
    ]
}


def written(path: Path, *values: Any) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def imported(data: Path, source: str, *files: Path) -> Any:
    result = CLI.invoke(app, ["import", "--from", source, *map(str, files), "--data", str(data), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_stands_in_exports_twice_counts_once(tmp_path: Path) -> None:
    put_together = written(tmp_path / "both.jsonl", TRANSCRIPT, TRANSCRIPT | {"id": "desk-78"}, TRANSCRIPT)
    one_of_them = written(tmp_path / "one.jsonl", TRANSCRIPT)
    taken = imported(tmp_path / "data", "transcripts", put_together, one_of_them)
    assert (taken["conversations"], taken["added"]) == (2, 2 * EVENTS)


def test_a_request_that_a_collector_delivered_twice_counts_once(tmp_path: Path) -> None:
    once = imported(tmp_path / "once", "otel", written(tmp_path / "once.jsonl", REQUEST))
    twice = imported(tmp_path / "twice", "otel", written(tmp_path / "twice.jsonl", REQUEST, REQUEST))
    assert twice["events"] == once["events"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_breaks_an_import_off_is_told_what_stands_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    data = tmp_path / "data"
    calls = written(tmp_path / "calls.jsonl", TRANSCRIPT, TRANSCRIPT | {"id": "desk-78"})
    with monkeypatch.context() as pressed:
        pressed.setattr(Progress, "__call__", lambda _, done, of: done and signal.raise_signal(number))
        result = CLI.invoke(app, ["import", "--from", "transcripts", str(calls), "--data", str(data)])
    assert result.exit_code == 1
    assert "broken off. What was taken until then stands" in result.stderr
    assert imported(data, "transcripts", calls)["conversations"] == 2
    assert "6 events of 2 conversations" in CLI.invoke(app, ["verify", "--data", str(data)]).output
