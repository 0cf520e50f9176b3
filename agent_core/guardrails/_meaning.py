"""What guardrails that judge by meaning share: a linear classifier, trained on some hundred examples.

Patterns are exact and see little of what people say in their own words; this sees more, and is sure of less. It runs here,
with no keys (``_learning``).
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from agent_core.guardrails._examples import NONE, everyday, made, sections
from agent_core.guardrails._learning import Lesson, scores
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Span,
    Unjudged,
    Verdict,
    blocked,
    cue,
    not_judged,
)
from agent_core.ports import Embedder

SPEAKS_AT = 0.8


class MeaningOptions(GuardOptions, frozen=True):
    """``threshold``: the score from which something is taken to be meant."""

    threshold: float = SPEAKS_AT

    def looser(self) -> str | None:
        return f"threshold lies above {SPEAKS_AT}" if self.threshold > SPEAKS_AT else None


class MeaningGuardrail(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """``reasons``: each learns from the section of ``examples_in`` that its value ends with. ``near``: files whose sentences
    mean none of it either. ``mistaken``: the share that it may speak at of what the examples have of every day, where much comes
    close on purpose."""

    name: str
    version: str
    inputs: tuple[Input, ...]
    blocks: bool
    on_failure: OnFailure
    reasons: tuple[Reason, ...]
    examples_in: str
    mistaken: float
    near: tuple[str, ...] = ()
    budget_ms: int = 1000
    judges_sentence: bool = True
    means: Means = Means.CLASSIFIER
    options_type: type[GuardOptions] = MeaningOptions

    @cached_property
    def lesson(self) -> Lesson:
        told = sections(self.examples_in)
        of_callers = Input.CALLER in self.inputs
        near = [sentence for name in self.near for sentence in sections(name)[NONE]]
        return Lesson(
            name=self.name,
            examples={
                reason.value: told[section]
                for reason in self.reasons
                for section in told
                if reason.value.endswith(f"_{section}")
            },
            others=(*told[NONE], *near, *(made() if of_callers else ())),
            everyday=everyday() if of_callers else told[NONE],
            mistaken=self.mistaken,
            speaks_at=SPEAKS_AT,
        )

    def judge(self, subject: GuardInput) -> Verdict:
        """The likeliest reason, once all of them together are likely enough."""
        found = subject.scores
        if found is None or any(reason.value not in found for reason in self.reasons):
            return not_judged(Unjudged.NO_SCORES)
        if sum(found[reason.value] for reason in self.reasons) < subject.read_options(MeaningOptions).threshold:
            return PASSED
        likeliest = max(self.reasons, key=lambda reason: (found[reason.value], reason.value))
        evidence = (Span(0, len(subject.text)),)
        return blocked(likeliest, evidence=evidence) if self.blocks else cue(likeliest, evidence=evidence)

    def score(self, subject: GuardInput, embedder: Embedder) -> dict[str, float]:
        """Of each reason. Raises what the embedder raises."""
        return scores(self.lesson, subject.text, embedder)
