"""CPU of this process and of the servers that work for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psutil


def cpu_s(servers: Sequence[int] = ()) -> float:
    """Seconds so far: this process with all its threads, and each server with everything that it started."""
    return time.process_time() + sum(_spent_s(process) for pid in servers for process in _tree(pid))


def _tree(pid: int) -> Iterator[psutil.Process]:
    root = psutil.Process(pid)
    yield root
    yield from root.children(recursive=True)


def _spent_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # its parent has its time from now on
        return 0.0
    # A child that ended and was waited for stands in children_*; one that lives is counted by itself.
    return float(
        times.user + times.system + getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    )
