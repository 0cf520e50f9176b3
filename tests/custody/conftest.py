"""Puts what other folders' tests share on the path; a broker that was given is left as it was."""

from __future__ import annotations

import asyncio
import os
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
