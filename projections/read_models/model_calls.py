"""Model calls: every attempt at a model, won or lost, with tokens, cost and times as far as its provider told.

``prompt_version`` names the prompt that was used, ``model`` who answered it: what a change of either did is a comparison of
two groups. Its text is the pinned behaviour's: join ``behaviour_versions`` by ``behaviour_seq``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen, TurnId
from projections.sealed_text import sealed_field
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.event import Happening

_Asked = d.CompletionAsked | d.ClassificationAsked | d.GuardrailAsked
_Outcome = f.CompletionReturned | f.ScoresReturned | f.EffectFailed | f.EffectCancelled


class ModelCallRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    ask_id: Annotated[str, Meta(description="The decision that asked.")]
    attempt: Annotated[int, Meta(description="From 0, of the attempts that race for one ask.")]
    turn_id: TurnId
    started: Annotated[str, Meta(description="at_once, or why later: late, failed, blocked.")]
    purpose: Annotated[
        str, Meta(description="answer, guard, classification or guardrail; imported: another system asked.")
    ]
    subject: Annotated[
        str | None,
        Meta(description="The intent that is answered, or the guardrail that asks; imported: the prompt's version."),
    ]
    routed: Annotated[str | None, Meta(description="The routed name that was asked for; NULL: the behaviour's own.")]
    behaviour_seq: Annotated[int | None, Meta(description="The pinned behaviour, whose prompt was used.")]
    behaviour_hash: Annotated[str | None, Meta(description="Its content hash.")]
    prompt_id: Annotated[str | None, Meta(description="Which prompt was used; NULL where the log doesn't tell.")]
    prompt_version: Annotated[str | None, Meta(description="Its layout and a digest of its text.")]
    request_digest: Annotated[str | None, Meta(description="HMAC of the request; NULL where the log holds none.")]
    state: Annotated[str, Meta(description="open, returned, failed or cancelled.")]
    reason: Annotated[str | None, Meta(description="Of the failure.")]
    generation: Annotated[int, Meta(description="How often it was asked again after an owner was lost.")]
    provider: Annotated[str | None, Meta(description="Who answered; NULL: not told (a classifier), or not over.")]
    model: Annotated[str | None, Meta(description="The model that answered.")]
    input_tokens: Annotated[int | None, Meta(description="As the provider counted.")]
    cached_tokens: Annotated[int | None, Meta(description="Of the input tokens, those from its cache.")]
    output_tokens: Annotated[int | None, Meta(description="As the provider counted.")]
    cost_micros: Annotated[
        int | None,
        Meta(
            description="Millionths of the provider's currency, of losers and failures too. All that the attempt cost, whoever was asked: by provider in provider_calls."
        ),
    ]
    cost_estimated: Annotated[
        bool | None, Meta(description="Counted by us from what was sent and heard; NULL where no cost is known.")
    ]
    known_micros: Annotated[
        int | None, Meta(description="Where somebody's price isn't known, and so the cost isn't: what the others cost.")
    ]
    first_token_ms: Annotated[float | None, Meta(description="To the first token.")]
    total_ms: Annotated[float | None, Meta(description="To its outcome.")]
    text: Annotated[Sealed | None, Meta(description="The completion.")]
    asked_us: Annotated[int, Meta(description="It was asked.")]
    over_us: Annotated[int | None, Meta(description="Its outcome was taken; NULL while it is open.")]


class ModelCalls:
    def __init__(self) -> None:
        self._rows: dict[str, dict[int, ModelCallRow]] = {}
        self._asked: dict[str, ModelCallRow] = {}  # as the first attempt was when it was asked

    def take(self, seen: Seen) -> Iterable[Row]:
        payload = seen.event.payload
        if isinstance(payload, h.ModelCallImported):
            return (_imported(seen.event, payload),)
        if isinstance(payload, _Asked):
            rows = self._rows[payload.ask_id] = {row.attempt: row for row in _asked(seen, payload)}
            self._asked[payload.ask_id] = rows[0]
            return rows.values()
        attempts = self._rows.get(getattr(payload, "ask_id", ""))
        if not attempts:
            return ()
        if isinstance(payload, d.AskRepeated):
            for attempt, row in attempts.items():
                if row.state == "open":
                    attempts[attempt] = msgspec.structs.replace(row, generation=payload.generation)
            return tuple(attempts.values())
        if isinstance(payload, d.AttemptAsked):
            more = attempts[payload.attempt] = msgspec.structs.replace(
                self._asked[payload.ask_id],
                attempt=payload.attempt,
                started=payload.reason,
                asked_us=seen.event.accepted_at_us,
            )
            return (more,)
        found = attempts.get(getattr(payload, "attempt", 0))
        if found is None:
            return ()
        over = attempts[found.attempt] = _over(found, seen)
        return (over,)


def _asked(seen: Seen, payload: _Asked) -> Iterable[ModelCallRow]:
    event, completion = seen.event, payload if isinstance(payload, d.CompletionAsked) else None
    guardrail = payload.guardrail if isinstance(payload, d.GuardrailAsked) else None
    first = ModelCallRow(
        conversation_id=event.conversation_id,
        ask_id=payload.ask_id,
        attempt=0,
        turn_id=event.turn_id,
        started="at_once",
        purpose=completion.purpose if completion else "guardrail" if guardrail else "classification",
        subject=completion.intent if completion else guardrail,
        routed=completion.model if completion else None,
        behaviour_seq=seen.after.behaviour_seq or None,
        behaviour_hash=seen.after.behaviour_hash or None,
        prompt_id=completion.prompt_id or None if completion else None,
        prompt_version=completion.prompt_version or None if completion else None,
        request_digest=completion.request_digest or None if completion else None,
        state="open",
        reason=None,
        generation=0,
        provider=None,
        model=None,
        input_tokens=None,
        cached_tokens=None,
        output_tokens=None,
        cost_micros=None,
        cost_estimated=None,
        known_micros=None,
        first_token_ms=None,
        total_ms=None,
        text=None,
        asked_us=event.accepted_at_us,
        over_us=None,
    )
    yield first
    for attempt in range(1, completion.attempts if completion else 1):
        yield msgspec.structs.replace(first, attempt=attempt)


def _imported(event: Happening, call: h.ModelCallImported) -> ModelCallRow:
    return ModelCallRow(
        conversation_id=event.conversation_id,
        ask_id=call.call_id,
        attempt=0,
        turn_id=event.turn_id,
        started="at_once",
        purpose="imported",
        subject=call.prompt_version or None,
        routed=None,
        behaviour_seq=None,
        behaviour_hash=None,
        prompt_id=None,
        prompt_version=call.prompt_version or None,
        request_digest=None,
        state="failed" if call.failed else "returned",
        reason=call.failed or None,
        generation=0,
        provider=call.provider or None,
        model=call.model or None,
        input_tokens=call.input_tokens,
        cached_tokens=call.cached_tokens,
        output_tokens=call.output_tokens,
        cost_micros=call.cost_micros,
        cost_estimated=_estimated(call.cost_micros),
        known_micros=None,
        first_token_ms=call.first_token_ms,
        total_ms=call.total_ms,
        text=sealed_field(event, "text"),
        asked_us=event.accepted_at_us,
        over_us=event.accepted_at_us,
    )


def _over(row: ModelCallRow, seen: Seen) -> ModelCallRow:
    event, payload = seen.event, seen.event.payload
    if not isinstance(payload, _Outcome):
        return row
    over = msgspec.structs.replace(
        row,
        cost_micros=payload.cost_micros,
        cost_estimated=_estimated(payload.cost_micros, payload.estimated),
        known_micros=payload.known_micros,
        total_ms=payload.total_ms if isinstance(payload, f.CompletionReturned) else payload.elapsed_ms,
        over_us=event.accepted_at_us,
    )
    if isinstance(payload, f.CompletionReturned | f.ScoresReturned):
        return _returned(over, event, payload)
    over = msgspec.structs.replace(over, provider=payload.provider or None, model=payload.model or row.model)
    if isinstance(payload, f.EffectFailed):
        return msgspec.structs.replace(over, state="failed", reason=payload.reason)
    return msgspec.structs.replace(
        over, state="cancelled", input_tokens=payload.input_tokens, output_tokens=payload.output_tokens
    )


def _returned(row: ModelCallRow, event: Happening, payload: f.CompletionReturned | f.ScoresReturned) -> ModelCallRow:
    returned = msgspec.structs.replace(
        row,
        state="returned",
        model=payload.model,
        input_tokens=payload.input_tokens,
        cached_tokens=payload.cached_tokens,
        output_tokens=payload.output_tokens,
    )
    if isinstance(payload, f.ScoresReturned):
        return returned
    return msgspec.structs.replace(
        returned,
        reason=None,
        provider=payload.provider,
        first_token_ms=payload.first_token_ms,
        text=sealed_field(event, "text"),
    )


def _estimated(cost_micros: int | None, estimated: bool = False) -> bool | None:
    return None if cost_micros is None else estimated


MODEL_CALLS = ReadModel(
    name="model_calls",
    version=7,
    about="One row an attempt at a model: tokens, cost and times as far as its provider told.",
    row=ModelCallRow,
    key=("conversation_id", "ask_id", "attempt"),
    day="asked_us",
    handles=frozenset(
        {
            h.ModelCallImported,
            d.CompletionAsked,
            d.ClassificationAsked,
            d.GuardrailAsked,
            d.AskRepeated,
            d.AttemptAsked,
            f.CompletionReturned,
            f.ScoresReturned,
            f.EffectFailed,
            f.EffectCancelled,
        }
    ),
    fold=ModelCalls,
)
