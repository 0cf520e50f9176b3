"""What tokens cost."""

from __future__ import annotations

from dataclasses import dataclass

from providers.chat_chunks import Usage


@dataclass(frozen=True, slots=True)
class Prices:
    """Currency units per million tokens, which is millionths of the currency per token."""

    input: float
    output: float
    cached_input: float | None = None  # None: cached tokens cost as much as others


def cost_micros(prices: Prices | None, usage: Usage | None) -> int | None:
    """Millionths of the currency; None where the price or the usage is unknown."""
    if prices is None or usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    cached = usage.cached_tokens or 0
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    fresh = usage.prompt_tokens - cached
    return round(fresh * prices.input + cached * cached_price + usage.completion_tokens * prices.output)
