"""What the figures were taken on: nothing that names this machine, everything that explains a figure."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path


def describe() -> dict[str, str | int | float | None]:
    """``load_before`` is the one-minute load average before anything ran: above 0 the machine was shared."""
    return {
        "cpu": _proc("/proc/cpuinfo", "model name") or platform.processor() or None,
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load_before": round(os.getloadavg()[0], 2),
    }


def _proc(path: str, field: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), None)


def _memory_gb() -> int | None:
    total = _proc("/proc/meminfo", "MemTotal")
    return round(int(total.split()[0]) / 1e6) if total else None
