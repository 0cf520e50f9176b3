"""What a call to a model cost that brought no answer: it was cancelled, failed, or its answer was none.

A provider tells tokens only with a stream's end. So whoever asks it puts what was sent and heard here, and whoever carries
an effect out reads it afterwards. The meter travels with the task (a context variable): a cancellation returns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from agent_core.ports import CompletionResult, FailureReason, Message

# OpenAI's rule of thumb for English text, and what its chat format adds to each message.
CHARACTERS_PER_TOKEN = 4.0
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class Spent:
    """``estimated``: counted from what was sent and heard, not by the provider. Unknown is None."""

    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost_micros: int | None
    estimated: bool
    known_micros: int | None = None  # of several calls whose cost isn't known: that of those whose is
    outcome: str = ""  # why it came to nothing: a ``FailureReason``; empty: not told yet
    turned_away: bool = False  # nothing was made, nothing is paid


@dataclass(slots=True)
class Meter:
    """One attempt's calls that came to nothing; where the first provider failed there may be several."""

    calls: list[Spent] = field(default_factory=list)

    def total(self) -> Spent | None:
        """All that are paid, under the name of the last; None for none. One unknown makes the sum unknown."""
        paid = [call for call in self.calls if not call.turned_away]
        if not paid:
            return None
        costs = [call.cost_micros for call in paid]
        return Spent(
            paid[-1].provider,
            paid[-1].model,
            sum_known([call.input_tokens for call in paid]),
            sum_known([call.output_tokens for call in paid]),
            sum_known(costs),
            any(call.estimated for call in paid),
            known_part(costs),
        )


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


def begin() -> Meter:
    """A new meter for the rest of this task."""
    meter = Meter()
    _METER.set(meter)
    return meter


def note(spent: Spent) -> None:
    """Goes nowhere where nobody meters."""
    meter = _METER.get()
    if meter is not None:
        meter.calls.append(spent)


def note_unusable(result: CompletionResult) -> None:
    """A completion that is none to whoever asked for it is paid for all the same."""
    counted = result.input_tokens, result.output_tokens
    invalid = FailureReason.INVALID.value
    note(Spent(result.provider, result.model, *counted, result.cost_micros, estimated=False, outcome=invalid))


def mark() -> int:
    """How many calls were noted by now, for ``settle``."""
    meter = _METER.get()
    return len(meter.calls) if meter is not None else 0


def settle(since: int, provider: str, model: str, outcome: str) -> None:
    """A provider was asked behind the mark ``since`` and came to nothing. One that noted nothing turned the call away."""
    meter = _METER.get()
    if meter is None:
        return
    if len(meter.calls) == since:
        meter.calls.append(Spent(provider, model, 0, 0, 0, estimated=False, turned_away=True))
    meter.calls[since:] = [replace(call, outcome=outcome) for call in meter.calls[since:]]


def estimated_tokens(characters: int) -> int:
    return round(characters / CHARACTERS_PER_TOKEN)


def estimated_prompt_tokens(messages: Sequence[Message]) -> int:
    return sum(estimated_tokens(len(message.content)) + TOKENS_PER_MESSAGE for message in messages)


def known_part(costs: Sequence[int | None]) -> int | None:
    """What is known of a sum that isn't known; None where all of it is, or nothing."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if 0 < len(known) < len(costs) else None


def sum_known(known: Sequence[int | None]) -> int | None:
    """None where one of them is."""
    found = [value for value in known if value is not None]
    return sum(found) if len(found) == len(known) else None
