"""The analyst's notebook runs from its first cell to its last on recorded calls, and holds nobody's answers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / name) for name in ("projections", "projections/read_models", "calls")]

from commands import forget_settings, ledgerline  # noqa: E402
from mixed_log import mixed_log  # noqa: E402
from recorded_calls import bank, record_call  # noqa: E402
from support import DataDirectory, run  # noqa: E402

from agent_core.behaviour import Behaviour  # noqa: E402
from streams.behaviours import SqliteBehaviours  # noqa: E402

NOTEBOOK = _TESTS.parent / "examples" / "analyst.ipynb"
ARTICLE = "card-delivery"
CHANGED = "Cards come within a day now."


def cells() -> list[dict[str, Any]]:
    notebook: dict[str, Any] = json.loads(NOTEBOOK.read_text())
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def with_another_article(behaviour: Behaviour) -> Behaviour:
    content = json.loads(behaviour.canonical())
    for article in content["articles"]:
        article["public"] = CHANGED if article["id"] == ARTICLE else article["public"]
    return Behaviour.from_canonical(json.dumps(content).encode())


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of two days in the usual data directory; since then one article was changed."""
    forget_settings(monkeypatch, tmp_path)
    directory = tmp_path / ".ledgerline"
    directory.mkdir()
    data = DataDirectory(directory)
    mixed_log(data)
    run(record_call(data))
    newest = with_another_article(bank())
    SqliteBehaviours(data.store).record(newest.content_hash, newest.canonical())
    data.close()
    for suffix in ("", "-wal", "-shm"):
        part = directory / f"log.db{suffix}"
        if part.exists():
            part.rename(directory / f"ledger.db{suffix}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.mark.usefixtures("recorded")
def test_each_question_is_answered_from_the_log() -> None:
    said: dict[str, Any] = {}
    for cell in cells():
        exec("".join(cell["source"]).replace('"last"', '"call-1"'), said)
    assert len(said["days"]) == 2
    assert all(day["p95_ms"] >= day["p50_ms"] > 0 for day in said["days"])
    (blocked,) = ledgerline("sql", "select count(*) as verdicts from verdicts where blocked", "--json").json
    assert len(said["blocked"]) == blocked["verdicts"] > 0
    assert all(verdict["text"] for verdict in said["blocked"])
    assert said["changed_since"]
    assert said["now"]["public"] == CHANGED
    assert CHANGED not in said["then"]["public"]
    assert said["summary"]["turns"] >= said["summary"]["same"] > 0
    assert len(said["altered"]) == said["summary"]["changed"]


def test_the_notebook_holds_no_outputs() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells())
