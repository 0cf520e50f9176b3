"""Which intents an utterance has: logistic regression on sentence embeddings, trained from behaviour's own examples.

The probabilities are calibrated: a temperature is fitted on examples that the model hasn't seen, by cross-validation.
``other`` stands for everything that is no intent. Whether a low top probability means to ask again is the caller's
decision (``Routing.abstain_below``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent_core.behaviour import Intent
from agent_core.embedding_cache import EmbeddingCache
from agent_core.logistic import Floats, Linear, fit, softmax, temperature_for
from agent_core.out_of_scope import OUT_OF_SCOPE
from agent_core.ports import Embedder

OTHER = "other"

_ALGORITHM = "1"  # part of the version: what changes scores without changing examples raises it
_L2 = 3e-4
_FOLDS = 5
_OTHER_WEIGHT = 4.0  # ``other`` is wider than an intent: it counts as this many of them
_QUESTION_SURE = 0.5  # a part of the utterance counts as a question of its own from this probability on
_PARTS_SHARE = 0.7  # of the mass goes by the parts, where the parts ask different things; the rest by the whole

_FILLERS = re.compile(r"\b(?:u+h*m+|u+h+|e+r+m*|hm+)\b")
_PART = re.compile(r"[.?!;,]+|\b(?:and|also|but|then|plus)\b")
_LEAST_WORDS = 3  # shorter parts ("hi", "wait stop", "thank you") are no question beside a longer one


class _Model(NamedTuple):
    linear: Linear
    temperature: float
    labels: tuple[str, ...]


class IntentClassifier:
    """Deterministic: the same examples, embedder and machine give the same scores. Scores are facts; log them."""

    def __init__(self, model: _Model, embedder: Embedder, version: str) -> None:
        self._model = model
        self._embedder = embedder
        self.version = version

    @property
    def labels(self) -> tuple[str, ...]:
        """The intents in behaviour's order, then ``other``."""
        return self._model.labels

    @property
    def temperature(self) -> float:
        return self._model.temperature

    @classmethod
    def train(
        cls, intents: Sequence[Intent], embedder: Embedder, cache: EmbeddingCache | None = None
    ) -> IntentClassifier:
        """About two seconds for thirty intents with ten examples each that the cache doesn't hold. Raises what the embedder
        raises."""
        labels = (*(intent.name for intent in intents), OTHER)
        sentences = [(_plain(example), label) for label, intent in enumerate(intents) for example in intent.examples]
        sentences += [(_plain(sentence), len(intents)) for sentence in OUT_OF_SCOPE]
        vectors = (cache or EmbeddingCache()).embed([text for text, _ in sentences], embedder)
        y = np.array([label for _, label in sentences], dtype=np.intp)
        weights = _balanced(y, len(labels))
        linear = fit(vectors, y, len(labels), weights, _L2)
        temperature = _cross_validated_temperature(vectors, y, len(labels), weights)
        return cls(_Model(linear, temperature, labels), embedder, _version(intents, embedder))

    def scores(self, text: str) -> dict[str, float]:
        """Probability of each intent and of ``other``; they sum to 1. An empty text is ``other`` for certain.

        An utterance with several questions gives each of them its share.
        """
        whole = _plain(text)
        if not whole:
            return {label: float(label == OTHER) for label in self.labels}
        parts = _parts(text)
        vectors = self._embedder.embed([whole, *parts])
        probabilities = softmax(self._model.linear.logits(vectors), self._model.temperature)
        mixed = self._mixed(probabilities[0], probabilities[1:])
        return {label: float(mixed[index]) for index, label in enumerate(self.labels)}

    def _mixed(self, whole: Floats, parts: Floats) -> Floats:
        if len(parts) == 0:
            return whole
        if len(parts) == 1:
            both: Floats = (whole + parts[0]) / 2
            return both
        intents = slice(0, len(self.labels) - 1)
        sure = [part for part in parts if part[intents].max() >= _QUESTION_SURE]
        if len({int(part.argmax()) for part in sure}) < 2:
            return whole
        shared: Floats = _PARTS_SHARE * np.mean(sure, axis=0) + (1 - _PARTS_SHARE) * whole
        return shared


def _plain(text: str) -> str:
    """As a recogniser without punctuation would give it, without hesitation."""
    return " ".join(re.findall(r"[\w']+", _FILLERS.sub(" ", text.lower().replace("’", "'"))))


def _parts(text: str) -> list[str]:
    """What may be questions of their own: parts of three words or more. Empty where the whole is the only part."""
    lowered = text.lower().replace("’", "'")
    parts = [_plain(part) for part in _PART.split(lowered)]
    long = [part for part in parts if len(part.split()) >= _LEAST_WORDS]
    return [] if long == [_plain(text)] else long


def _balanced(y: NDArray[np.intp], classes: int) -> Floats:
    """Weight per row, so that each intent counts the same however many examples it has."""
    counts = np.bincount(y, minlength=classes).astype(np.float64)
    per_class = 1 / np.maximum(counts, 1)
    per_class[-1] *= _OTHER_WEIGHT
    weights: Floats = per_class[y]
    return weights


def _cross_validated_temperature(
    vectors: NDArray[np.float32], y: NDArray[np.intp], classes: int, weights: Floats
) -> float:
    """Folds take every n-th example of each class, so no draw decides the result."""
    place = np.zeros(len(y), dtype=np.intp)
    for label in range(classes):
        rows = np.flatnonzero(y == label)
        place[rows] = np.arange(len(rows)) % _FOLDS
    logits = np.zeros((len(y), classes))
    for fold in range(_FOLDS):
        kept, held = place != fold, place == fold
        if not kept.any():
            continue
        logits[held] = fit(vectors[kept], y[kept], classes, weights[kept], _L2).logits(vectors[held])
    return temperature_for(logits, y, weights)


def _version(intents: Sequence[Intent], embedder: Embedder) -> str:
    """Hash over everything that decides the scores, the machine's rounding apart."""
    digest = hashlib.sha256()
    for line in (_ALGORITHM, embedder.name, *OUT_OF_SCOPE):
        digest.update(line.encode() + b"\0")
    for intent in intents:
        for line in (intent.name, *intent.examples, ""):
            digest.update(line.encode() + b"\0")
    return digest.hexdigest()[:16]
