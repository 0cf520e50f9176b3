"""Times for people."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_time(at_us: int) -> str:
    """ISO 8601 in UTC with milliseconds, from microseconds since the Unix epoch."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
