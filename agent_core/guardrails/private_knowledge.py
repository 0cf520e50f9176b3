"""Private article text must not be said: not word for word, not in other words, not as a figure, not by its names.

Four signs, each against what may be said anyway (the approved wording and the public sources):
- a run of words shared with a private sentence;
- half of a private sentence's telling words, in any order;
- a figure that stands only in private text, beside another telling word of its sentence;
- a name of two words or more ("Quay Street") that stands only in private text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent_core.guardrails._numbers import Figure, figures, same
from agent_core.guardrails._text import STOP_WORDS, Word, sentences, stem, words
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Span,
    Verdict,
    blocked,
)


class PrivateKnowledgeReason(Reason):
    WORDS = "private_knowledge_words"
    PARAPHRASE = "private_knowledge_paraphrase"
    FIGURE = "private_knowledge_figure"
    NAME = "private_knowledge_name"


_RUN = 5  # words in a row; fewer are common phrases of the trade
_RUN_TELLING = 3  # of them, how many must tell something
_PARAPHRASE_SHARE = 0.5
_PARAPHRASE_LEAST = 3
_SMALL = 12  # figures up to here are everywhere: they need their unit, and two telling words beside them


_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'’]+(?: [A-Z][\w'’]+)+")  # capitals inside a sentence


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as it is compared. ``runs``: stems of ``_RUN`` words in a row → index of the first."""

    words: tuple[Word, ...]
    stems: tuple[str, ...]
    telling: frozenset[str]
    figures: tuple[Figure, ...]
    runs: dict[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class _Private:
    sentences: tuple[_Text, ...]
    runs: frozenset[tuple[str, ...]]
    names: frozenset[tuple[str, ...]]  # in lower case


class PrivateKnowledge:
    name = "private_knowledge"
    version = "1"
    inputs = (Input.CANDIDATE,)
    means = Means.POLICY
    blocks = True
    judges_sentence = True
    budget_ms = 20
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        if not subject.private_passages:
            return PASSED
        private = _private(subject.private_passages)
        public = _read("\n".join(subject.known_texts()))
        found: dict[PrivateKnowledgeReason, set[Span]] = {}
        for at in sentences(subject.text):
            said = _read(subject.text[at.start : at.end])
            for reason, span in _leaks(said, private, public):
                found.setdefault(reason, set()).add(Span(at.start + span.start, at.start + span.end))
        if not found:
            return PASSED
        reasons = (reason for reason in PrivateKnowledgeReason if reason in found)
        return blocked(*reasons, evidence=tuple({span for spans in found.values() for span in spans}))


def _leaks(said: _Text, private: _Private, public: _Text) -> Iterator[tuple[PrivateKnowledgeReason, Span]]:
    for run, index in said.runs.items():
        if run in private.runs and run not in public.runs:
            end = index + _RUN
            if len(_telling(said.words[index:end])) >= _RUN_TELLING:
                yield PrivateKnowledgeReason.WORDS, Span(said.words[index].start, said.words[end - 1].end)
    for index, length in _names(said, private.names - _word_runs(public, private.names)):
        yield PrivateKnowledgeReason.NAME, Span(said.words[index].start, said.words[index + length - 1].end)
    open_figures = [
        figure
        for figure in said.figures
        if not figure.plain and not any(same(figure, other) for other in public.figures)
    ]
    for sentence in private.sentences:
        secret = sentence.telling - public.telling
        shared = secret & said.telling
        if len(shared) >= max(_PARAPHRASE_LEAST, _PARAPHRASE_SHARE * len(secret)):
            at = [word for word, its_stem in zip(said.words, said.stems, strict=True) if its_stem in shared]
            yield PrivateKnowledgeReason.PARAPHRASE, Span(at[0].start, at[-1].end)
        for figure in open_figures:
            if any(_betrays(figure, other, said, sentence) for other in sentence.figures):
                yield PrivateKnowledgeReason.FIGURE, Span(figure.start, figure.end)


def _betrays(figure: Figure, private: Figure, said: _Text, sentence: _Text) -> bool:
    """Whether saying ``figure`` tells the private one: a large figure soon does, a small one needs its context."""
    if private.plain or not same(figure, private):
        return False
    own = _telling(tuple(word for word in said.words if figure.start <= word.start < figure.end))
    beside = len((said.telling & sentence.telling) - own)
    same_unit = figure.unit is not None and figure.unit == private.unit
    if figure.value > _SMALL or figure.value != int(figure.value):
        return beside >= 1 or same_unit
    return same_unit and beside >= 2


def _names(text: _Text, names: frozenset[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    """(index of the first word, how many words) of every name in the text."""
    spoken = [word.text for word in text.words]
    for name in names:
        for index in range(len(spoken) - len(name) + 1):
            if tuple(spoken[index : index + len(name)]) == name:
                yield index, len(name)


def _word_runs(text: _Text, names: frozenset[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(text.words[i + k].text for k in range(length)) for i, length in _names(text, names))


def _telling(spoken: tuple[Word, ...]) -> frozenset[str]:
    return frozenset(stem(word.text) for word in spoken if word.text not in STOP_WORDS and len(word.text) > 2)


@lru_cache(maxsize=256)
def _read(text: str) -> _Text:
    spoken = tuple(words(text))
    stems = tuple(stem(word.text) for word in spoken)
    runs = {stems[i : i + _RUN]: i for i in range(len(stems) - _RUN + 1)}
    return _Text(spoken, stems, _telling(spoken), figures(text), runs)


@lru_cache(maxsize=64)
def _private(passages: tuple[str, ...]) -> _Private:
    """The sentences of the private texts. A line break inside an article's paragraph ends no sentence."""
    read: list[_Text] = []
    names: set[tuple[str, ...]] = set()
    for paragraph in (part for text in passages for part in text.split("\n\n")):
        joined = " ".join(paragraph.split())
        for span in sentences(joined):
            said = joined[span.start : span.end]
            read.append(_read(said))
            names.update(tuple(word.text for word in words(name)) for name in _NAME.findall(said))
    return _Private(tuple(read), frozenset(run for text in read for run in text.runs), frozenset(names))


GUARDRAIL = PrivateKnowledge()
