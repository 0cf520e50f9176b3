"""A data directory that goes away with the benchmark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.workspace import Workspace


@contextmanager
def temporary_log() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as directory:
        workspace = Workspace(Path(directory))
        try:
            yield workspace
        finally:
            workspace.close()
