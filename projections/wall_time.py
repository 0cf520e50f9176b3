"""Times for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_time(at_us: int, *, exact: bool = False) -> str:
    """ISO 8601 in UTC, from microseconds since the Unix epoch; with milliseconds, cut off, or ``exact`` with microseconds."""
    told = (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds" if exact else "milliseconds")
    return told.replace("+00:00", "Z")
