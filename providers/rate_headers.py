"""What is left of a provider's limits, as it says in the headers of an answer.

``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, where a reset is the time until the whole limit is back: ``1s``,
``6m0s``, ``12ms``. OpenAI's guide on rate limits has them; Groq, Cerebras and LiteLLM's proxy send the same ones, vLLM and
Ollama none. Groq counts requests by the day, OpenAI by the minute: what is left is read as a share, so that both mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent_core.ports import Allowance, Left

_COUNT = re.compile(r"\d{1,15}", re.ASCII)  # longer than any limit: a number that no arithmetic stumbles over
_SOME = r"\d{1,9}(?:\.\d{1,9})?"
_PART = re.compile(rf"({_SOME})(ms|s|m|h|d)", re.ASCII)
_PLAIN = re.compile(_SOME, re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """None where nothing is told, or not so that it can be read."""
    requests, tokens = _of(headers, "requests"), _of(headers, "tokens")
    return Allowance(requests, tokens) if requests or tokens else None


def duration_s(told: str) -> float | None:
    """``6m0s``, ``7.66s``, or plain seconds; None for anything else."""
    if _PART.sub("", told) == "" and told:
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(told))
    return float(told) if _PLAIN.fullmatch(told) else None


def _of(headers: Mapping[str, str], counted: str) -> Left | None:
    limit, remaining = (_count(headers.get(f"x-ratelimit-{what}-{counted}", "")) for what in ("limit", "remaining"))
    resets_in_s = duration_s(headers.get(f"x-ratelimit-reset-{counted}", "").strip())
    if not limit or remaining is None or resets_in_s is None:
        return None
    return Left(limit, remaining, resets_in_s)


def _count(told: str) -> int | None:
    return int(told) if _COUNT.fullmatch(told.strip()) else None
