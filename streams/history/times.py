"""Times as other systems and people write them, in microseconds since the Unix epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us_of(text: str) -> int:
    """ISO 8601, UTC where no zone is named. Raises ``ValueError``, for what is no time of the years 1 to 9999 in UTC, too."""
    named = datetime.fromisoformat(text)
    try:
        since = (named.astimezone(UTC) if named.tzinfo else named.replace(tzinfo=UTC)) - _EPOCH
    except OverflowError:
        raise ValueError("outside of the years that can be told") from None
    return since // timedelta(microseconds=1)


def iso_of(at_us: int) -> str:
    """Raises ``ValueError`` outside of the years 1 to 9999."""
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).isoformat()
    except OverflowError:
        raise ValueError("outside of the years that can be told") from None


def iso_of_ns(at_ns: int) -> str:
    """Raises as ``iso_of``."""
    return iso_of(at_ns // 1000)
