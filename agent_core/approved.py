"""The keyless brain: approved wordings are chosen and filled, never made up."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, ProviderError

SLOTS = frozenset({"company", "last_said"})
"""What an approved wording may leave open. ``last_said``: the agent's last reply, as far as it was spoken."""


class MissingSlotError(LookupError):
    """A wording has a slot that no fact fills."""


def slots_of(wording: str) -> frozenset[str]:
    """The names in braces. Raises ``ValueError`` for a brace that is never closed."""
    return frozenset(name for _, name, _, _ in Formatter().parse(wording) if name is not None)


def fill(wording: str, facts: Mapping[str, str]) -> str:
    """The wording with its slots filled. Raises ``MissingSlotError``: half a sentence is never said."""
    missing = sorted(slots_of(wording) - facts.keys())
    if missing:
        raise MissingSlotError(f"nothing fills {', '.join(missing)}")
    # Only plain names are slots, so a fact's text can't reach into objects as str.format would let it.
    return "".join(
        literal + (facts[name] if name is not None else "") for literal, name, _, _ in Formatter().parse(wording)
    )


class ApprovedAnswers:
    """A ``LanguageModel`` that says the approved wording of the request and nothing else."""

    name = "approved"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        """The approved text, at no cost. Raises ``ProviderError(INVALID)`` where the request has none."""
        if not request.approved or not request.approved.strip():
            raise ProviderError(FailureReason.INVALID, self.name, "no approved wording for this intent")
        return CompletionResult(
            text=request.approved.strip(),
            provider=self.name,
            model="approved",
            input_tokens=0,
            cached_tokens=0,
            output_tokens=0,
            cost_micros=0,
        )

    async def close(self) -> None:
        """Nothing is held."""
