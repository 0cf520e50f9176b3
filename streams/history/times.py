"""Times of other systems, as microseconds since the Unix epoch."""

from __future__ import annotations

from datetime import UTC, datetime


def us_of(text: str) -> int:
    """ISO 8601, UTC where no zone is named. Raises ``ValueError``."""
    named = datetime.fromisoformat(text)
    named = named if named.tzinfo else named.replace(tzinfo=UTC)
    seconds = int(named.timestamp() // 1)
    return seconds * 1_000_000 + named.microsecond


def iso_of(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000).isoformat()


def iso_of_ns(at_ns: int) -> str:
    return iso_of(at_ns // 1000)
