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
from agent_core.guardrails._injection_patterns import ORDERS
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

    def looser(self) -> str | None:
        return "threshold lies above 0.95" if self.threshold > 0.95 else None


_MARKUP = examples.MARKUP


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
        evidence = (*spans(ORDERS, subject.text), *spans(_MARKUP, subject.text))
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
