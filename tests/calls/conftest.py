"""Calls that are answered in the tests' own process share one embedder: it reads two hundred behaviour sentences a second."""

from __future__ import annotations

import pytest

from tests.calls.answered import embedder


@pytest.fixture(autouse=True)
def shared_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.agent_opening.MiniLM", embedder)
