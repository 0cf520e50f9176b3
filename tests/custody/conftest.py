"""A recorded log for each test; what other folders' tests share is on the path, and a broker that was given is left as it was."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in ("streams", "projections"):
    sys.path.append(str(Path(__file__).parents[1] / folder))


@pytest.fixture(scope="session", autouse=True)
def no_topics_left() -> Iterator[None]:
    from broker import ADDRESS, remove_topics

    given = ADDRESS in os.environ
    yield
    if given:
        asyncio.run(remove_topics())


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.calls.commands import forget_settings

    forget_settings(monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from recorded_log import record_log

    path = tmp_path_factory.mktemp("origin")
    record_log(path)
    return path


@pytest.fixture
def data(origin: Path, tmp_path: Path) -> Path:
    """A copy: nobody writes into what the others begin with."""
    return Path(shutil.copytree(origin, tmp_path / "data"))
