"""The event loop that benchmarks run on: uvloop, as ``ledgerline call`` uses where no screen is drawn."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)
