"""A data directory that goes away with the benchmark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.workspace import SqliteWorkspace


@contextmanager
def temporary_log() -> Iterator[SqliteWorkspace]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as directory:
        workspace = SqliteWorkspace(Path(directory))
        try:
            yield workspace
        finally:
            workspace.close()
