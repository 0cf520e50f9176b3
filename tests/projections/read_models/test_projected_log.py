"""A store holds the rows of one log: those of another are never folded into them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import failed, ledgerline

from console.read_model_file import read_model_file
from console.settings import load_settings

TRANSCRIPT = {
    "id": "desk-77",
    "started_at": "2024-03-01T09:00:00Z",
    "entries": [{"type": "message", "role": "caller", "text": "My card is gone."}],
}


def log_in(directory: Path) -> Path:
    """A data directory with a conversation in it, whose owner is one of its own."""
    directory.mkdir()
    file = directory / "calls.jsonl"
    file.write_text(json.dumps(TRANSCRIPT))
    assert ledgerline("import", "--from", "transcripts", file, "--data", directory).code == 0
    return directory


def test_a_store_is_refused_with_another_log(tmp_path: Path) -> None:
    one, other = (log_in(tmp_path / name) for name in ("one", "other"))
    store = f"sqlite:///{tmp_path / 'rows.db'}"
    counted = "select count(*) as n from conversations"
    assert ledgerline("sql", counted, "--data", one, "--store", store, "--json").json == [{"n": 1}]
    for command in (("sql", counted), ("project",), ("as-of", "2024-03-02", "sql", counted)):
        failed(ledgerline(*command, "--data", other, "--store", store), 1, "are of another log", "--store")
    assert ledgerline("sql", counted, "--data", one, "--store", store, "--json").json == [{"n": 1}]


def test_rows_of_a_log_that_was_made_anew_are_named_with_what_to_remove(tmp_path: Path) -> None:
    one, other = (log_in(tmp_path / name) for name in ("one", "other"))
    assert ledgerline("project", "--data", one, "--json").code == 0
    for part in one.glob("ledger.db*"):
        part.unlink()
    shutil.copy(other / "ledger.db", one / "ledger.db")
    failed(
        ledgerline("project", "--data", one), 1, "or of one that was here before", f"remove {one / 'read_models.db'}"
    )


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("sqlite", "read_models.db"),
        ("kafka://127.0.0.1:9092", "read_models.kafka.db"),
        ("kafka://127.0.0.1:9092/lane-pr-1", "read_models.kafka.lane-pr-1.db"),
    ],
)
def test_logs_that_share_a_data_directory_have_rows_of_their_own(tmp_path: Path, log: str, name: str) -> None:
    assert read_model_file(load_settings(tmp_path, log)) == tmp_path / name
