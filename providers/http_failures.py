"""What an HTTP status means to us. Bodies are left out of every failure: they may quote the prompt or the key."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from types import MappingProxyType

from agent_core.ports import FailureReason, ProviderError

_LONGEST_S = 3600.0


def status_error(
    provider: str,
    status: int,
    headers: Mapping[str, str],
    code: object = None,
    otherwise: Mapping[int, FailureReason] = MappingProxyType({}),
) -> ProviderError:
    """The failure that an HTTP status means. ``code`` is the vendor's own word for it, where it is one. ``otherwise``: what
    some of them mean to who asked this vendor."""
    detail = f"HTTP {status}" + (f" {code}" if isinstance(code, str) else "")
    reason = otherwise.get(status) or status_reason(status)
    return ProviderError(reason, provider, detail, retry_after_s=retry_after_s(headers))


def status_reason(status: int) -> FailureReason:
    if status in (401, 403):
        return FailureReason.UNAUTHORISED
    if status == 429:
        return FailureReason.RATE_LIMITED
    if status in (408, 504):
        return FailureReason.TIMED_OUT
    if status >= 500 or status == 409:
        return FailureReason.UNAVAILABLE
    return FailureReason.REFUSED


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from ``retry-after-ms`` or ``Retry-After`` (seconds or an HTTP date); None where neither is readable. An hour at
    most: whoever means longer says it again."""
    told = _told_s(headers)
    return None if told is None or math.isnan(told) else min(max(0.0, told), _LONGEST_S)


def _told_s(headers: Mapping[str, str]) -> float | None:
    for header, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers.get(header, "")) * scale
        except ValueError:
            continue
    try:
        at = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    return at.timestamp() - time.time()
