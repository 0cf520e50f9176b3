"""What is left of a provider's limits, as it says in the headers of an answer.

``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, where a reset is the time until the whole limit is back: ``1s``,
``6m0s``, ``12ms``. OpenAI's guide on rate limits has them; Groq, Cerebras and LiteLLM's proxy send the same ones, vLLM and
Ollama none. Groq counts requests by the day, OpenAI by the minute: what is left is read as a share, so that both mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from agent_core.ports import Allowance

_COUNTED = ("requests", "tokens")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """The scarcer of what is told; None where nothing is, or not so that it can be read."""
    told = {counted: found for counted in _COUNTED if (found := _of(headers, counted)) is not None}
    if not told:
        return None
    scarcer = min(told.values(), key=lambda found: found.share_left)
    return replace(scarcer, requests_per_s=told["requests"].requests_per_s if "requests" in told else None)


def duration_s(told: str) -> float | None:
    """``6m0s``, ``7.66s``, or plain seconds; None for anything else."""
    if _PART.sub("", told) == "" and told:
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(told))
    return float(told) if re.fullmatch(r"\d+(?:\.\d+)?", told) else None


def _of(headers: Mapping[str, str], counted: str) -> Allowance | None:
    limit, remaining = (_count(headers.get(f"x-ratelimit-{what}-{counted}", "")) for what in ("limit", "remaining"))
    resets_in_s = duration_s(headers.get(f"x-ratelimit-reset-{counted}", "").strip())
    if not limit or remaining is None or resets_in_s is None:
        return None
    used = limit - remaining
    return Allowance(min(remaining / limit, 1.0), resets_in_s, used / resets_in_s if used > 0 and resets_in_s else None)


def _count(told: str) -> int | None:
    return int(told) if told.strip().isdecimal() else None
