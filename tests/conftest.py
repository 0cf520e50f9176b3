"""Makes ``tests/support.py`` importable from every test directory, and gives tests an open data directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import DataDirectory


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path)
    yield directory
    directory.close()
