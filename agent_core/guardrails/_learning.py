"""What a classifier of sentences learns, and what it says of a text: a linear model over embedding and pieces of words.

A text is heard as a whole, sentence by sentence, and, where a recogniser left out the full stops, in windows of words: one
sentence in a long story doesn't drown in the rest. The likeliest piece counts.

Its scores are a fact: they differ between machines in their last digits. ``python -m benchmarks.meaning_models`` trains the
shipped models anew, and sets where each begins to speak: in cross-validation over its examples, so many of what callers say
every day may lie above. No labelled example of the tests has a part in that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent_core.guardrails._character_grams import character_grams
from agent_core.logistic import Floats, Linear, fit, softmax
from agent_core.ports import Embedder

FILE = "_models.json"
_L2 = 1e-4
_GRAMS = 1.0  # of the embedding's length
_FOLDS = 5
_ALIKE = 0.8  # cosine from which two sentences say the same: they are learnt, or left out, together
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_WINDOW, _STRIDE = 14, 8  # words
_models: dict[tuple[str, str], Linear] = {}  # by lesson and embedder


@dataclass(frozen=True)
class Lesson:
    """``examples``: by what they are examples of. ``others``: sentences that mean none of it. ``everyday``: those of them
    that callers say every day; ``mistaken`` is the share of them that may score ``speaks_at`` or more."""

    name: str
    examples: Mapping[str, Sequence[str]]
    others: Sequence[str]
    everyday: Sequence[str]
    mistaken: float
    speaks_at: float

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex, 16 characters) of what is learnt."""
        told = [self.examples, [*self.others], [*self.everyday], self.mistaken, self.speaks_at]
        plain = json.dumps(told, default=list, sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    def trained(self, embedder: Embedder) -> Linear:
        return train(self, embedder)


class Learnable(Protocol):
    """What a model is trained for once and shipped. ``fingerprint``: of all that is learnt."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...

    def trained(self, embedder: Embedder) -> Linear: ...


def scores(lesson: Lesson, text: str, embedder: Embedder) -> dict[str, float]:
    """Of each example's name: 0 to 1, together at most 1. Raises what the embedder raises."""
    probabilities = softmax(model_for(lesson, embedder).logits(features(pieces(text), embedder)))
    likeliest = probabilities[np.argmin(probabilities[:, 0])]
    return {name: float(p) for name, p in zip(lesson.examples, likeliest[1:], strict=True)}


def pieces(text: str) -> list[str]:
    """The text, its sentences, and windows of those that are long."""
    sentences = [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]
    found = [text, *sentences]
    for sentence in sentences:
        words = sentence.split()
        if len(words) > _WINDOW + _STRIDE // 2:
            starts = range(0, len(words) - _WINDOW + _STRIDE, _STRIDE)
            found += [" ".join(words[at : at + _WINDOW]) for at in starts]
    return list(dict.fromkeys(found))


def features(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    grams = character_grams(texts) * np.float32(_GRAMS)
    return np.hstack([embedder.embed(texts), grams])


def model_for(lesson: Learnable, embedder: Embedder) -> Linear:
    """The shipped model where it was made with this embedder and these examples, else one trained now (a minute, once)."""
    key = lesson.name, embedder.name
    if key not in _models:
        shipped = shipped_models().get(lesson.name)
        if shipped and shipped.embedder == embedder.name and shipped.examples == lesson.fingerprint:
            _models[key] = Linear(np.array(shipped.weights).T, np.array(shipped.bias))
        else:
            _models[key] = lesson.trained(embedder)
    return _models[key]


def train(lesson: Lesson, embedder: Embedder) -> Linear:
    """Class 0 means none of it. Nothing is random: what fold a sentence is in is read from the bytes of the first that says
    the same, so that no paraphrase of what is left out was learnt."""
    sentences, y = _labelled(lesson)
    x = features(sentences, embedder)
    first = [sentences[row] for row in _groups(x[:, : embedder.dimensions])]
    folds = np.array([hashlib.sha256(text.encode()).digest()[0] % _FOLDS for text in first])
    unseen = np.zeros(len(sentences))
    for fold in range(_FOLDS):
        learnt = folds != fold
        model = _fitted(x[learnt], y[learnt], len(lesson.examples) + 1)
        unseen[~learnt] = log_odds(model, x[~learnt])
    usual = np.isin(sentences, list(lesson.everyday))
    border = float(np.quantile(unseen[usual], 1 - lesson.mistaken))
    model = _fitted(x, y, len(lesson.examples) + 1)
    bias = model.bias.copy()
    bias[1:] += np.log(lesson.speaks_at / (1 - lesson.speaks_at)) - border
    return Linear(model.weights, bias)


def _groups(rows: NDArray[np.float32]) -> NDArray[np.intp]:
    """Of each row the first one of its group: rows that are alike, or linked by others that are."""
    groups = np.arange(len(rows))
    for row in rows:
        joined = groups[rows @ row >= _ALIKE]
        groups[np.isin(groups, joined)] = joined.min(initial=len(rows) - 1)
    return groups


def _labelled(lesson: Lesson) -> tuple[list[str], NDArray[np.intp]]:
    labelled = dict.fromkeys((*lesson.others, *lesson.everyday), 0)
    for label, examples in enumerate(lesson.examples.values(), start=1):
        labelled |= dict.fromkeys(examples, label)
    return list(labelled), np.array(list(labelled.values()), dtype=np.intp)


def _fitted(x: NDArray[np.float32], y: NDArray[np.intp], classes: int) -> Linear:
    """None of it has half of the weight, the rest share the other half."""
    weights: Floats = np.where(y == 0, 1 / (y == 0).sum(), 1 / (y > 0).sum())
    return fit(x, y, classes, weights, _L2)


def log_odds(model: Linear, x: NDArray[np.float32]) -> Floats:
    """Of something over nothing, a row each."""
    logits = model.logits(x)
    most = logits[:, 1:].max(axis=1)
    any_: Floats = most + np.log(np.exp(logits[:, 1:] - most[:, None]).sum(axis=1))
    return any_ - logits[:, 0]


class Shipped(msgspec.Struct, frozen=True):
    """``weights``: one list a class."""

    embedder: str
    examples: str
    weights: list[list[float]]
    bias: list[float]


@lru_cache(maxsize=1)
def shipped_models() -> dict[str, Shipped]:
    file = resources.files(__package__).joinpath(FILE)
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Shipped]) if file.is_file() else {}


def shipped_json(lessons: Sequence[Learnable], embedder: Embedder, kept: Mapping[str, Shipped]) -> str:
    """What ``_models.json`` holds. ``kept``: models that aren't trained anew."""
    models = dict(kept)
    for lesson in lessons:
        linear = lesson.trained(embedder)
        weights, bias = np.round(linear.weights.T, 3).tolist(), np.round(linear.bias, 4).tolist()
        models[lesson.name] = Shipped(embedder.name, lesson.fingerprint, weights, bias)
    return msgspec.json.encode(models, order="sorted").decode() + "\n"
