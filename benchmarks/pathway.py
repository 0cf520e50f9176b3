"""Pathway beside DuckDB: the same question as of a moment, asked of a process that runs in Pathway's own environment.

Its licence (BSL 1.1) grants use on one machine and forbids to offer it as a service, so nothing of ours depends on it:
``uv venv .venv-pathway && uv pip install --python .venv-pathway pathway==0.33.0`` brings it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import CannotRunError

_PYTHON = Path(".venv-pathway/bin/python")
_SCRIPT = Path(__file__).parent / "peers" / "pathway_as_of.py"


class Answered(NamedTuple):
    """``rows``: (status, calls, turns), in order."""

    took_ms: float
    rows: list[tuple[str, int, int]]


Ask = Callable[[int], Answered]
"""(moment, in microseconds) -> how all calls stood."""


def is_here() -> bool:
    return _PYTHON.exists()


@contextmanager
def pathway(versions: Path) -> Iterator[Ask]:
    """``versions``: a Parquet file of ``status, turns, from_us, to_us``. Raises ``CannotRunError``."""
    command = [str(_PYTHON), str(_SCRIPT), str(versions)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, asked = process.stdout, process.stdin
        if told.readline().strip() != "ready":
            raise CannotRunError("Pathway doesn't run")

        def ask(at_us: int) -> Answered:
            asked.write(f"{at_us}\n")
            asked.flush()
            took_ms, rows = json.loads(told.readline())
            return Answered(took_ms, [tuple(row) for row in rows])

        try:
            yield ask
        finally:
            asked.close()
