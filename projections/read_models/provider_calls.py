"""Provider calls: who was asked in each attempt at a model, and what each took. One attempt asks several where the first
fails; ``model_calls`` has their sum under who came last. ``sum(cost_micros) group by provider`` is each provider's bill.

An attempt has its rows once it is over, as have facts of before parts were told: those name the one who answered, with all
that the attempt cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Seen, TurnId
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.event import Happening
from schemas.models import ANSWERED, ProviderCost

_ASKED = d.CompletionAsked | d.ClassificationAsked | d.GuardrailAsked
_OVER = f.CompletionReturned | f.ScoresReturned | f.EffectFailed | f.EffectCancelled


class ProviderCallRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    ask_id: Annotated[str, Meta(description="The decision that asked, as in model_calls.")]
    attempt: Annotated[int, Meta(description="As in model_calls.")]
    place: Annotated[int, Meta(description="From 0, in the order in which providers were asked in this attempt.")]
    turn_id: TurnId
    provider: Annotated[str | None, Meta(description="Who was asked; NULL: not told.")]
    model: Annotated[str | None, Meta(description="The provider's name of it; NULL: not told.")]
    outcome: Annotated[str, Meta(description="answered, cancelled, or the reason of the failure.")]
    calls: Annotated[int, Meta(description="How often it was asked and came to the same.")]
    input_tokens: Annotated[int | None, Meta(description="As the provider counted, or we where estimated.")]
    cached_tokens: Annotated[int | None, Meta(description="Of the input tokens, those from its cache.")]
    output_tokens: Annotated[int | None, Meta(description="As the provider counted, or we where estimated.")]
    cost_micros: Annotated[
        int | None, Meta(description="Millionths of the provider's currency; 0 where it turned the call away.")
    ]
    cost_estimated: Annotated[
        bool | None, Meta(description="Counted by us from what was sent and heard; NULL where no cost is known.")
    ]
    over_us: Annotated[int, Meta(description="The attempt's outcome was taken.")]


class ProviderCalls:
    def __init__(self) -> None:
        self._asks: set[str] = set()
        self._places: Counter[tuple[str, int]] = Counter()  # an attempt that was asked again goes on counting

    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if isinstance(payload, _ASKED):
            self._asks.add(payload.ask_id)
        elif isinstance(payload, h.ModelCallImported):
            yield _row(event, payload.call_id, 0, 0, _imported(payload))
        elif isinstance(payload, _OVER) and payload.ask_id in self._asks:
            attempt = payload.ask_id, payload.attempt
            for part in payload.parts or _alone(payload):
                yield _row(event, *attempt, self._places[attempt], part)
                self._places[attempt] += 1


def _row(event: Happening, ask_id: str, attempt: int, place: int, part: ProviderCost) -> ProviderCallRow:
    return ProviderCallRow(
        conversation_id=event.conversation_id,
        ask_id=ask_id,
        attempt=attempt,
        place=place,
        turn_id=event.turn_id,
        provider=part.provider or None,
        model=part.model or None,
        outcome=part.outcome,
        calls=part.calls,
        input_tokens=part.input_tokens,
        cached_tokens=part.cached_tokens,
        output_tokens=part.output_tokens,
        cost_micros=part.cost_micros,
        cost_estimated=None if part.cost_micros is None else part.estimated,
        over_us=event.accepted_at_us,
    )


def _alone(payload: _OVER) -> Iterable[ProviderCost]:
    """The event itself, where it says who was asked."""
    if isinstance(payload, f.CompletionReturned):
        yield _of(payload, payload.provider, payload.model, ANSWERED)
    elif isinstance(payload, f.ScoresReturned):
        provider, of, model = payload.model.partition(":")
        if of:  # a local classifier has a version behind an @
            yield _of(payload, provider, model, ANSWERED)
    elif payload.provider:
        reason = payload.reason if isinstance(payload, f.EffectFailed) else "cancelled"
        yield _of(payload, payload.provider, payload.model, reason)


def _of(payload: _OVER, provider: str, model: str, outcome: str) -> ProviderCost:
    return ProviderCost(
        provider=provider,
        model=model,
        outcome=outcome,
        input_tokens=getattr(payload, "input_tokens", None),
        cached_tokens=getattr(payload, "cached_tokens", None),
        output_tokens=getattr(payload, "output_tokens", None),
        cost_micros=payload.cost_micros,
        estimated=payload.estimated,
    )


def _imported(call: h.ModelCallImported) -> ProviderCost:
    return ProviderCost(
        provider=call.provider,
        model=call.model,
        outcome=call.failed or ANSWERED,
        input_tokens=call.input_tokens,
        cached_tokens=call.cached_tokens,
        output_tokens=call.output_tokens,
        cost_micros=call.cost_micros,
    )


PROVIDER_CALLS = ReadModel(
    name="provider_calls",
    version=1,
    about="One row a provider asked in an attempt at a model: cost and tokens by who took them.",
    row=ProviderCallRow,
    key=("conversation_id", "ask_id", "attempt", "place"),
    day="over_us",
    changes=False,
    handles=frozenset(
        {
            h.ModelCallImported,
            d.CompletionAsked,
            d.ClassificationAsked,
            d.GuardrailAsked,
            f.CompletionReturned,
            f.ScoresReturned,
            f.EffectFailed,
            f.EffectCancelled,
        }
    ),
    fold=ProviderCalls,
)
