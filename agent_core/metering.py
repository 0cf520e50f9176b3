"""What a call to a model cost that brought no answer: it was cancelled, failed, or its answer was none.

A provider tells tokens only with a stream's end. So whoever asks it puts what was sent and heard here, and whoever carries
an effect out reads it afterwards. The meter travels with the task (a context variable): a cancellation returns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from agent_core.ports import CompletionResult, Message

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


@dataclass(slots=True)
class Meter:
    """One attempt's calls that came to nothing; where the first provider failed there may be several."""

    calls: list[Spent] = field(default_factory=list)

    def total(self) -> Spent | None:
        """All of them, under the name of the last; None for none. One unknown makes the sum unknown."""
        if not self.calls:
            return None
        last = self.calls[-1]
        costs = [call.cost_micros for call in self.calls]
        return Spent(
            last.provider,
            last.model,
            _sum([call.input_tokens for call in self.calls]),
            _sum([call.output_tokens for call in self.calls]),
            _sum(costs),
            any(call.estimated for call in self.calls),
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
    note(Spent(result.provider, result.model, *counted, result.cost_micros, estimated=False))


def estimated_tokens(characters: int) -> int:
    return round(characters / CHARACTERS_PER_TOKEN)


def estimated_prompt_tokens(messages: Sequence[Message]) -> int:
    return sum(estimated_tokens(len(message.content)) + TOKENS_PER_MESSAGE for message in messages)


def known_part(costs: Sequence[int | None]) -> int | None:
    """What is known of a sum that isn't known; None where all of it is, or nothing."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if 0 < len(known) < len(costs) else None


def _sum(known: Sequence[int | None]) -> int | None:
    found = [value for value in known if value is not None]
    return sum(found) if len(found) == len(known) else None
