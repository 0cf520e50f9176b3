"""``--since``: a moment of the past, as a person names it."""

from __future__ import annotations

import re
import time

from console.failures import UsageError
from streams.history.times import us_of

_AGO = re.compile(r"([0-9]+)(m|h|d|w)")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def since_us(text: str, now_us: int | None = None) -> int:
    """µs since the Unix epoch. ``text``: ISO 8601 (UTC where no zone is named), or 30m, 24h, 7d, 2w ago.

    Raises ``UsageError``.
    """
    if ago := _AGO.fullmatch(text):
        now_us = time.time_ns() // 1000 if now_us is None else now_us
        return now_us - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000
    try:
        return us_of(text)
    except ValueError:
        raise UsageError(f"--since {text}: a time as 2026-11-21T10:40:00Z, or 30m, 24h, 7d, 2w ago") from None
