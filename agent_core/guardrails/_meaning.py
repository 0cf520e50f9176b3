"""What guardrails that judge by meaning share: a linear classifier over sentence embeddings, trained on a few dozen examples.

Patterns are exact and see little of what people say in their own words; this sees more, and is sure of less. It runs here,
with no keys. Its scores are a fact: they differ between machines in their last digits.

``python -m benchmarks.meaning_models`` writes the shipped models anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

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
from agent_core.logistic import Linear, fit, softmax
from agent_core.ports import Embedder

_L2 = 1e-4
_FILE = "_meaning_models.json"
_models: dict[tuple[str, str], Linear] = {}  # by guardrail and embedder


class MeaningOptions(GuardOptions, frozen=True):
    """``threshold``: the probability from which something is taken to be meant."""

    threshold: float = 0.8

    def looser(self) -> str | None:
        return "threshold lies above 0.8" if self.threshold > 0.8 else None


class MeaningGuardrail(msgspec.Struct, frozen=True, kw_only=True):
    """``examples``: by the reason that they are examples of. ``others``: sentences that mean none of it."""

    name: str
    version: str
    inputs: tuple[Input, ...]
    blocks: bool
    on_failure: OnFailure
    examples: Mapping[Reason, tuple[str, ...]]
    others: tuple[str, ...]
    budget_ms: int = 1000
    judges_sentence: bool = True
    means: Means = Means.CLASSIFIER
    options_type: type[GuardOptions] = MeaningOptions

    def judge(self, subject: GuardInput) -> Verdict:
        """The likeliest reason, once all of them together are likely enough."""
        scores = subject.scores
        if scores is None or any(reason.value not in scores for reason in self.examples):
            return not_judged(Unjudged.NO_SCORES)
        if sum(scores[reason.value] for reason in self.examples) < subject.read_options(MeaningOptions).threshold:
            return PASSED
        likeliest = max(self.examples, key=lambda reason: (scores[reason.value], reason.value))
        evidence = (Span(0, len(subject.text)),)
        return blocked(likeliest, evidence=evidence) if self.blocks else cue(likeliest, evidence=evidence)

    def score(self, subject: GuardInput, embedder: Embedder) -> dict[str, float]:
        """Probability of each reason. Raises what the embedder raises."""
        probabilities = softmax(model_for(self, embedder).logits(embedder.embed([subject.text])))[0]
        return {reason.value: float(p) for reason, p in zip(self.examples, probabilities[1:], strict=True)}


def model_for(guardrail: MeaningGuardrail, embedder: Embedder) -> Linear:
    """The shipped model where it was made with this embedder and these examples, else one trained now (some seconds, once)."""
    key = guardrail.name, embedder.name
    if key not in _models:
        shipped = _shipped().get(guardrail.name)
        if shipped and shipped.embedder == embedder.name and shipped.examples == fingerprint(guardrail):
            _models[key] = Linear(np.array(shipped.weights), np.array(shipped.bias))
        else:
            _models[key] = train(guardrail, embedder)
    return _models[key]


def train(guardrail: MeaningGuardrail, embedder: Embedder) -> Linear:
    """Class 0 means none of it and has half of the weight, the reasons share the other half."""
    sentences, labels = list(guardrail.others), [0] * len(guardrail.others)
    for label, examples in enumerate(guardrail.examples.values(), start=1):
        sentences += examples
        labels += [label] * len(examples)
    y = np.array(labels, dtype=np.intp)
    weights = np.where(y == 0, 1 / (y == 0).sum(), 1 / (y > 0).sum())
    return fit(embedder.embed(sentences), y, len(guardrail.examples) + 1, weights, _L2)


def fingerprint(guardrail: MeaningGuardrail) -> str:
    """SHA-256 (hex, 16 characters) of what it learns from."""
    told = {reason.value: examples for reason, examples in guardrail.examples.items()}
    return hashlib.sha256(json.dumps([told, guardrail.others]).encode()).hexdigest()[:16]


class _Shipped(msgspec.Struct, frozen=True):
    embedder: str
    examples: str
    weights: list[list[float]]
    bias: list[float]


@lru_cache(maxsize=1)
def _shipped() -> dict[str, _Shipped]:
    file = resources.files(__package__).joinpath(_FILE)
    return msgspec.json.decode(file.read_bytes(), type=dict[str, _Shipped]) if file.is_file() else {}


def shipped_json(guardrails: list[MeaningGuardrail], embedder: Embedder) -> str:
    """What ``_meaning_models.json`` holds."""
    models = {}
    for guardrail in guardrails:
        linear = train(guardrail, embedder)
        weights, bias = np.round(linear.weights, 5).tolist(), np.round(linear.bias, 5).tolist()
        models[guardrail.name] = _Shipped(embedder.name, fingerprint(guardrail), weights, bias)
    return msgspec.json.encode(models, order="sorted").decode() + "\n"


def write_models(guardrails: list[MeaningGuardrail], embedder: Embedder) -> None:
    Path(__file__).with_name(_FILE).write_text(shipped_json(guardrails, embedder), "utf-8")
