"""A broker that was given is left as it was found."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from broker import ADDRESS, remove_topics


@pytest.fixture(scope="session", autouse=True)
def no_topics_left() -> Iterator[None]:
    yield
    if ADDRESS in os.environ:
        asyncio.run(remove_topics())
