"""What the caller's last lines are an attack in together, though none of them need be one: a linear classifier over all of
them as one text, the newest, and how much each looks like an attack by itself.

The newest line is heard apart from the others, so that who once said something odd and then asks for the opening hours is
answered. Only where a line looks at least somewhat like an attack are the lines embedded together: most of what
callers say every day ends there, at no cost but a product of vectors that are kept (``GLANCE``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from agent_core.guardrails._learning import Lesson, features, log_odds, model_for
from agent_core.guardrails.base import GuardInput, Span
from agent_core.logistic import Floats, Linear, fit, softmax
from agent_core.ports import Embedder

TURN = " / "  # between the turns of an example
_LINES, _CHARACTERS = 4, 300  # of the caller's newest: whole lines, the newest always
GLANCE = 0.0  # log odds of a single line; below it in every line, the lines aren't embedded together
_ODDS = 0.1  # of the embedding's length
_MOST_ODDS = 9.0
_L2 = 1e-4
_FOLDS = 5
_DEALT, _UPSET, _AFTERWARDS = 700, 300, 400  # conversations that are put together, of each kind

Told = tuple[str, ...]


@dataclass(frozen=True)
class SpreadLesson:
    """``line``: what is known of single lines. ``attacks``, ``harmless``: conversations, a line of the caller each, the last of
    an attack completes it. ``everyday`` and ``upset``: single lines that others are put together from. ``mistaken``: the share of
    harmless ones, most of them close on purpose, that may score ``speaks_at``."""

    name: str
    line: Lesson
    attacks: Sequence[Told]
    harmless: Sequence[Told]
    everyday: Sequence[str]
    upset: Sequence[str]
    mistaken: float
    speaks_at: float

    @property
    def fingerprint(self) -> str:
        told = [self.line.fingerprint, [*self.attacks], [*self.harmless], [*self.everyday], [*self.upset]]
        settings = [self.mistaken, self.speaks_at, _LINES, _CHARACTERS, _ODDS, _L2, _DEALT, _UPSET, _AFTERWARDS]
        return hashlib.sha256(json.dumps([told, settings], default=list).encode()).hexdigest()[:16]

    def trained(self, embedder: Embedder) -> Linear:
        """Conversations that begin alike are learnt, or left out, together; nothing is random."""
        told = [*_labelled(self)]
        x = _features(self.line, [lines for lines, _ in told], embedder)
        y = np.array([label for _, label in told], dtype=np.intp)
        folds = np.array([_digest(lines[0])[0] % _FOLDS for lines, _ in told])
        unseen = np.zeros(len(told))
        for fold in range(_FOLDS):
            learnt = folds != fold
            unseen[~learnt] = log_odds(_fitted(x[learnt], y[learnt]), x[~learnt])
        border = float(np.quantile(unseen[y == 0], 1 - self.mistaken))
        model = _fitted(x, y)
        bias = model.bias.copy()
        bias[1] += np.log(self.speaks_at / (1 - self.speaks_at)) - border
        return Linear(model.weights, bias)


def conversations(examples: Sequence[str]) -> tuple[Told, ...]:
    """Of a section of examples."""
    return tuple(tuple(example.split(TURN)) for example in examples)


def heard_together(subject: GuardInput) -> Told:
    """The caller's newest lines, oldest first: what the classifier hears as one."""
    return _newest((*subject.earlier, subject.text))


def places(subject: GuardInput) -> tuple[Span, ...]:
    """Where they stand in ``subject.told``, a span a line."""
    end, found = len(subject.told), []
    for line in reversed(heard_together(subject)):
        found.append(Span(end - len(line), end))
        end -= len(line) + 1
    return tuple(span for span in reversed(found) if span.start < span.end)


def score(lesson: SpreadLesson, lines: Told, embedder: Embedder) -> float:
    """Whether ``lines`` (two at least) are an attack together, 0 to 1; 0 where none of them looks like one at a glance."""
    model = model_for(lesson, embedder)
    if _of_lines(lesson.line, lines, embedder).max() < GLANCE:
        return 0.0
    logits = model.logits(_features(lesson.line, [lines], embedder))
    return float(softmax(logits)[0, 1])


def _newest(lines: Told) -> Told:
    kept: list[str] = []
    for line in reversed(lines[-_LINES:]):
        if kept and sum(map(len, kept)) + len(kept) + len(line) > _CHARACTERS:
            break
        kept.append(line)
    return tuple(reversed(kept))


def _features(line: Lesson, told: Sequence[Told], embedder: Embedder) -> NDArray[np.float32]:
    """(conversations, 2 embeddings and 4 log odds): of the newest line, the most and the mean of those before, all as one."""
    heard = [_newest(lines) for lines in told]
    together = [" ".join(lines) for lines in heard]
    odds = []
    for lines, text in zip(heard, together, strict=True):
        *earlier, newest, as_one = _of_lines(line, (*lines, text), embedder)
        odds.append((newest, max(earlier, default=newest), np.mean(earlier or [newest]), as_one))
    bounded = np.clip(np.array(odds, dtype=np.float32), -_MOST_ODDS, _MOST_ODDS) * np.float32(_ODDS)
    return np.hstack([embedder.embed(together), embedder.embed([lines[-1] for lines in heard]), bounded])


def _of_lines(line: Lesson, lines: Sequence[str], embedder: Embedder) -> Floats:
    return log_odds(model_for(line, embedder), features(lines, embedder))


def _fitted(x: NDArray[np.float32], y: NDArray[np.intp]) -> Linear:
    weights: Floats = np.where(y == 0, 1 / (y == 0).sum(), 1 / (y > 0).sum())
    return fit(x, y, 2, weights, _L2)


def _labelled(lesson: SpreadLesson) -> Iterator[tuple[Told, int]]:
    """With what is put together: lines of every day, angry and sad ones between them, and an everyday line after an attack."""
    for lines in lesson.attacks:
        yield lines, 1
    for lines in lesson.harmless:
        yield from ((lines[:until], 0) for until in range(2, len(lines) + 1))
    yield from ((lines, 0) for lines in _dealt(lesson.everyday, _DEALT))
    yield from ((lines, 0) for lines in _dealt([*lesson.everyday, *lesson.upset], _UPSET))
    single = [(attack,) for attack in _shuffled(lesson.line.examples[next(iter(lesson.line.examples))])]
    attacks = [each for pair in zip(cycle(lesson.attacks), single, strict=False) for each in pair]
    for lines, after in zip(attacks[:_AFTERWARDS], cycle(_shuffled(lesson.everyday)), strict=False):
        yield (*lines[1 - _LINES :], after), 0


def _dealt(lines: Sequence[str], count: int) -> Iterator[Told]:
    """Conversations of two, three and four lines."""
    cards = cycle(_shuffled(lines))
    for number in range(count):
        yield tuple(next(cards) for _ in range(2 + number % 3))


def _shuffled(lines: Sequence[str]) -> list[str]:
    return sorted(lines, key=_digest)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
