"""A caller who talks to the model instead of the company: overriding instructions, drawing out the prompt, posing as
staff or as a system message.

Two means. Patterns are precise and see little. A classifier over sentence embeddings sees paraphrases; it needs normal
callers' sentences as negatives, or it takes one bank question in five for an attack. Neither carries the weight alone:
what a model may say is checked on the way out, and what a tool may do doesn't depend on a model's text at all.
"""

from __future__ import annotations

from functools import cached_property

from agent_core.guardrails._examples import NONE, everyday, made, sections
from agent_core.guardrails._injection_patterns import MARKUP, ORDERS
from agent_core.guardrails._learning import Lesson, scores
from agent_core.guardrails._text import spans
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
    not_judged,
)
from agent_core.ports import Embedder

SCORE = "prompt_injection"
SPEAKS_AT = 0.95
MISTAKEN = 0.01  # of what the examples have of callers, where much comes close on purpose: it refuses to answer them


class PromptInjectionReason(Reason):
    PATTERN = "prompt_injection_pattern"
    CLASSIFIER = "prompt_injection_classifier"


class PromptInjectionOptions(GuardOptions, frozen=True):
    """``threshold``: probability from which a sentence counts as an attack. ``classifier`` False: patterns alone, for
    an install without embeddings."""

    threshold: float = SPEAKS_AT
    classifier: bool = True

    def looser(self) -> str | None:
        return f"threshold lies above {SPEAKS_AT}" if self.threshold > SPEAKS_AT else None


class PromptInjection:
    name = "prompt_injection"
    version = "1"
    inputs = (Input.CALLER,)
    means = Means.CLASSIFIER
    blocks = True
    judges_sentence = False
    budget_ms = 1000
    on_failure = OnFailure.CLOSED
    options_type = PromptInjectionOptions

    def judge(self, subject: GuardInput) -> Verdict:
        options = subject.read_options(PromptInjectionOptions)
        evidence = (*spans(ORDERS, subject.text), *spans(MARKUP, subject.text))
        if evidence:
            return blocked(PromptInjectionReason.PATTERN, evidence=evidence)
        if not options.classifier:
            return PASSED
        if subject.scores is None or SCORE not in subject.scores:
            return not_judged(Unjudged.NO_SCORES)
        if subject.scores[SCORE] >= options.threshold:
            return blocked(PromptInjectionReason.CLASSIFIER, evidence=(Span(0, len(subject.text)),))
        return PASSED

    @cached_property
    def lesson(self) -> Lesson:
        told = sections("injection")
        others = [sections(name) for name in ("complaint", "vulnerability")]
        near = [sentence for other in others for sentence in other[NONE]]
        upset = [each for other in others for about, said in other.items() if about != NONE for each in said]
        return Lesson(
            name=self.name,
            examples={SCORE: told["attack"]},
            others=(*told["moved"], *upset),
            everyday=(*everyday(), *made(), *told[NONE], *near),
            mistaken=MISTAKEN,
            speaks_at=SPEAKS_AT,
        )

    def score(self, subject: GuardInput, embedder: Embedder) -> dict[str, float]:
        """Whether the text is an attack, 0 to 1. Raises what the embedder raises."""
        return scores(self.lesson, subject.text, embedder)


GUARDRAIL = PromptInjection()
