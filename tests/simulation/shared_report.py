"""A report that several workers of one test run ask for, and one of them works out."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from simulation.report import Report


def shared_report(directory: Path, name: str, work_out: Callable[[], Report]) -> Report:
    """The first who asks works it out; the others wait for it. ``directory``: common to the workers; in runs of one worker
    nothing is shared."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return work_out()
    kept = directory / f"{name}-{run}.json"
    with (directory / f"{name}-{run}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(msgspec.json.encode(work_out()))
        return msgspec.json.decode(kept.read_bytes(), type=Report)
