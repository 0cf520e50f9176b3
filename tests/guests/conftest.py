"""The broker of a test run, and owners on it, are those of the tests of the log."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "streams"))

from broker import ADDRESS, remove_topics


@pytest.fixture(scope="session", autouse=True)
def no_topics_left() -> Iterator[None]:
    yield
    if ADDRESS in os.environ:
        asyncio.run(remove_topics())
