"""A caller who talks to the model instead of the company: overriding instructions, drawing out the prompt, posing as
staff or as a system message.

Two means. Patterns are precise and see little. A classifier over sentence embeddings sees paraphrases; it needs normal
callers' sentences as negatives, or it takes one bank question in five for an attack. Neither carries the weight alone:
what a model may say is checked on the way out, and what a tool may do doesn't depend on a model's text at all.

Where the caller spoke before, their newest lines are heard together too (``_spread``): an order may be said in pieces, each
of which is harmless.
"""

from __future__ import annotations

from functools import cached_property

from agent_core.guardrails import _spread
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
SPREAD = "prompt_injection_spread"  # of the newest lines together; only where there are several
SPEAKS_AT = 0.95
MISTAKEN = 0.01  # of what the examples have of callers, where much comes close on purpose: it refuses to answer them
MISTAKEN_SPREAD = 0.01  # of conversations that come close on purpose


class PromptInjectionReason(Reason):
    PATTERN = "prompt_injection_pattern"
    CLASSIFIER = "prompt_injection_classifier"
    SPREAD = "prompt_injection_spread"


class PromptInjectionOptions(GuardOptions, frozen=True):
    """``threshold``: probability from which a sentence, or the newest lines together, count as an attack. ``classifier``
    False: patterns alone, for an install without embeddings."""

    threshold: float = SPEAKS_AT
    classifier: bool = True

    def looser(self) -> str | None:
        return f"threshold lies above {SPEAKS_AT}" if self.threshold > SPEAKS_AT else None


class PromptInjection:
    name = "prompt_injection"
    version = "3"
    inputs = (Input.CONVERSATION,)
    means = Means.CLASSIFIER
    blocks = True
    judges_sentence = False
    budget_ms = 1000
    on_failure = OnFailure.CLOSED
    options_type = PromptInjectionOptions

    def judge(self, subject: GuardInput) -> Verdict:
        options = subject.read_options(PromptInjectionOptions)
        newest = len(subject.told) - len(subject.text)
        found = (*spans(ORDERS, subject.text), *spans(MARKUP, subject.text))
        if found:
            evidence = tuple(Span(newest + span.start, newest + span.end) for span in found)
            return blocked(PromptInjectionReason.PATTERN, evidence=evidence)
        if not options.classifier:
            return PASSED
        together = len(_spread.heard_together(subject)) > 1
        scores = subject.scores
        if scores is None or SCORE not in scores or (together and SPREAD not in scores):
            return not_judged(Unjudged.NO_SCORES)
        if scores[SCORE] >= options.threshold:
            return blocked(PromptInjectionReason.CLASSIFIER, evidence=(Span(newest, len(subject.told)),))
        if together and scores[SPREAD] >= options.threshold:
            return blocked(PromptInjectionReason.SPREAD, evidence=_spread.places(subject))
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

    @cached_property
    def spread_lesson(self) -> _spread.SpreadLesson:
        told = sections("conversations")
        others = [sections(name) for name in ("complaint", "vulnerability")]
        return _spread.SpreadLesson(
            name=SPREAD,
            line=self.lesson,
            attacks=_spread.conversations(told["attack"]),
            harmless=_spread.conversations(told[NONE]),
            everyday=(*everyday(), *sections("injection")[NONE], *(s for other in others for s in other[NONE])),
            upset=[s for other in others for about, said in other.items() if about != NONE for s in said],
            mistaken=MISTAKEN_SPREAD,
            speaks_at=SPEAKS_AT,
        )

    def score(self, subject: GuardInput, embedder: Embedder) -> dict[str, float]:
        """Whether the text is an attack, and, where there are earlier ones, the newest lines together, 0 to 1. Raises what
        the embedder raises."""
        found = scores(self.lesson, subject.text, embedder)
        heard = _spread.heard_together(subject)
        return found | {SPREAD: _spread.score(self.spread_lesson, heard, embedder)} if len(heard) > 1 else found


GUARDRAIL = PromptInjection()
