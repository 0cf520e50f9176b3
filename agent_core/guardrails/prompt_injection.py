"""A caller who talks to the model instead of the company: overriding instructions, drawing out the prompt, posing as
staff or as a system message.

Two means. Patterns are precise and see little. A classifier over sentence embeddings sees paraphrases; it needs normal
callers' sentences as negatives, or it takes one bank question in five for an attack. Neither carries the weight alone:
what a model may say is checked on the way out, and what a tool may do doesn't depend on a model's text at all.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

import numpy as np

from agent_core.guardrails import _injection_examples as examples
from agent_core.guardrails._text import any_of, spans
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Means,
    Reason,
    Span,
    Stage,
    Unjudged,
    Verdict,
    blocked,
    not_judged,
)
from agent_core.logistic import Linear, fit, softmax
from agent_core.ports import Embedder

SCORE = "prompt_injection"
_L2 = 1e-4
_trained: dict[str, Linear] = {}  # by the embedder's name, for embedders that no model is shipped for


class PromptInjectionReason(Reason):
    PATTERN = "prompt_injection_pattern"
    CLASSIFIER = "prompt_injection_classifier"


class PromptInjectionOptions(GuardOptions, frozen=True):
    """``threshold``: probability from which a sentence counts as an attack. ``classifier`` False: patterns alone, for
    an install without embeddings."""

    threshold: float = 0.95
    classifier: bool = True


_RULES = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|programming|training|restrictions?|orders|guardrails?|safety)"
_PATTERN = any_of(
    [
        rf"(?:ignore|disregard|forget|override|bypass|overrule|drop|skip)(?: \w+){{0,4}} {_RULES}",
        r"(?:ignore|disregard|forget) (?:everything|all|anything|whatever) (?:that )?(?:you were told|you've been told|above|before|they told you|i said before)",
        rf"(?:show|tell|read|reveal|repeat|print|give|recite|output|say)(?: \w+){{0,4}} (?:your|the)(?: \w+){{0,2}} (?:system prompt|prompt|hidden {_RULES}|initial {_RULES}|system {_RULES})",
        rf"what (?:are|were|is)(?: \w+){{0,2}} your (?:system|initial|original|hidden|secret|exact) {_RULES}",
        r"(?:system|initial|hidden) prompt",
        r"you are (?:now|no longer)(?: \w+){0,3} (?:ai|bot|assistant|dan|unrestricted|free|bound|model|agent|machine|in)",
        r"(?:enter|enable|activate|switch to|go into|turn on)(?: \w+){0,2} (?:developer|debug|admin|maintenance|god|dan|jailbreak|test|sudo) mode",
        r"(?:developer|debug|admin|god|jailbreak) mode",
        r"(?:pretend|act as if|act like|imagine|role ?play)(?: \w+){0,4} (?:no (?:rules|restrictions|limits|guidelines)|unrestricted|not bound|without (?:any )?(?:rules|restrictions|limits)|dan)",
        r"(?:jailbreak|do anything now)",
        r"(?:new|updated|following) (?:system )?instructions?(?: \w+){0,3} (?:override|replace|supersede|from now on|follow)",
        r"repeat (?:everything|all the words|all the text|the text|the words)(?: \w+){0,3} (?:above|before this)",
        r"(?:without|with no|turn off|disable|switch off|remove)(?: \w+){0,2} (?:guardrails?|safety (?:filters?|checks?)|content filters?|filters)",
    ]
)
_MARKUP = examples.MARKUP


class PromptInjection:
    name = "prompt_injection"
    version = "1"
    stage = Stage.INPUT
    means = Means.CLASSIFIER
    judges_sentence = False
    options_type = PromptInjectionOptions

    def judge(self, subject: GuardInput) -> Verdict:
        options = subject.read_options(PromptInjectionOptions)
        evidence = (*spans(_PATTERN, subject.text), *spans(_MARKUP, subject.text))
        if evidence:
            return blocked(PromptInjectionReason.PATTERN, evidence=evidence)
        if not options.classifier:
            return PASSED
        if subject.scores is None or SCORE not in subject.scores:
            return not_judged(Unjudged.NO_SCORES)
        if subject.scores[SCORE] >= options.threshold:
            return blocked(PromptInjectionReason.CLASSIFIER, evidence=(Span(0, len(subject.text)),))
        return PASSED

    def score(self, subject: GuardInput, embedder: Embedder) -> dict[str, float]:
        """Probability that the text is an attack. Raises what the embedder raises."""
        logits = model_for(embedder).logits(embedder.embed([subject.text]))
        return {SCORE: float(softmax(logits)[0, 1])}


def model_for(embedder: Embedder) -> Linear:
    """The shipped model where it was made with this embedder, else one trained now (some seconds, once)."""
    shipped = _shipped()
    if shipped is not None and shipped[0] == embedder.name:
        return shipped[1]
    if embedder.name not in _trained:
        _trained[embedder.name] = train(embedder)
    return _trained[embedder.name]


def train(embedder: Embedder) -> Linear:
    """From the examples alone; two classes, each with half of the weight."""
    sentences = [*examples.normal(), *examples.ATTACKS]
    y = np.array([0] * len(examples.normal()) + [1] * len(examples.ATTACKS), dtype=np.intp)
    weights = np.where(y == 1, 1 / y.sum(), 1 / (len(y) - y.sum()))
    return fit(embedder.embed(sentences), y, 2, weights, _L2)


def shipped_json(embedder: Embedder) -> str:
    """What ``_injection_model.json`` holds; write it anew whenever the examples change."""
    linear = train(embedder)
    return json.dumps(
        {
            "embedder": embedder.name,
            "examples": examples.fingerprint(),
            "weights": np.round(linear.weights, 5).tolist(),
            "bias": np.round(linear.bias, 5).tolist(),
        }
    )


@lru_cache(maxsize=1)
def _shipped() -> tuple[str, Linear] | None:
    raw = json.loads(resources.files(__package__).joinpath("_injection_model.json").read_text("utf-8"))
    if raw["examples"] != examples.fingerprint():
        return None
    return raw["embedder"], Linear(np.array(raw["weights"]), np.array(raw["bias"]))


GUARDRAIL = PromptInjection()
