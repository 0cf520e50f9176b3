"""What each provider took of an attempt, where several were asked."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from agent_core.metering import Spent, sum_known
from agent_core.ports import FailureReason
from schemas import facts as f
from schemas.models import ANSWERED, ProviderCost


def parts(failed: Sequence[Spent], answer: ProviderCost | None = None) -> tuple[ProviderCost, ...]:
    """In the order in which they were asked; those that came to the same are one. Empty where one alone was asked, once: then
    the event itself says it all."""
    found: list[ProviderCost] = []
    for part in [*map(_part, failed), *([answer] if answer else [])]:
        same = next((n for n, other in enumerate(found) if _who(other) == _who(part)), None)
        if same is None:
            found.append(part)
        else:
            found[same] = _together(found[same], part)
    return tuple(found) if len(failed) + (answer is not None) > 1 else ()


def answered(fact: f.CompletionReturned | f.ScoresReturned) -> ProviderCost:
    """Of the answer alone, before anything is added to it."""
    if isinstance(fact, f.CompletionReturned):
        provider, model = fact.provider, fact.model
    else:
        provider, _, model = fact.model.partition(":")
    return ProviderCost(
        provider=provider,
        model=model,
        outcome=ANSWERED,
        input_tokens=fact.input_tokens,
        cached_tokens=fact.cached_tokens,
        output_tokens=fact.output_tokens,
        cost_micros=fact.cost_micros,
    )


def _part(spent: Spent) -> ProviderCost:
    return ProviderCost(
        provider=spent.provider,
        model=spent.model,
        outcome=spent.outcome or FailureReason.CANCELLED.value,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_micros=spent.cost_micros,
        estimated=spent.estimated,
    )


def _who(part: ProviderCost) -> tuple[str, str, str]:
    return part.provider, part.model, part.outcome


def _together(one: ProviderCost, more: ProviderCost) -> ProviderCost:
    return replace(
        one,
        calls=one.calls + more.calls,
        input_tokens=sum_known([one.input_tokens, more.input_tokens]),
        cached_tokens=sum_known([one.cached_tokens, more.cached_tokens]),
        output_tokens=sum_known([one.output_tokens, more.output_tokens]),
        cost_micros=sum_known([one.cost_micros, more.cost_micros]),
        estimated=one.estimated or more.estimated,
    )
