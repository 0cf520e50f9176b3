"""Private article text must not be said: not word for word, not in other words, not as a figure.

Three signs, each against what may be said anyway (the approved wording and the public sources):
- a run of words shared with a private sentence;
- most of a private sentence's telling words, in any order;
- a figure that stands only in private text, beside another telling word of its sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent_core.guardrails._numbers import Figure, figures, same
from agent_core.guardrails._text import STOP_WORDS, Word, sentences, stem, words
from agent_core.guardrails.base import PASSED, GuardInput, GuardOptions, Means, Reason, Span, Stage, Verdict, blocked


class PrivateKnowledgeReason(Reason):
    WORDS = "private_knowledge_words"
    PARAPHRASE = "private_knowledge_paraphrase"
    FIGURE = "private_knowledge_figure"


_RUN = 5  # words in a row; fewer are common phrases of the trade
_RUN_TELLING = 3  # of them, how many must tell something
_PARAPHRASE_SHARE = 0.6
_PARAPHRASE_LEAST = 3
_SMALL = 12  # figures up to here are everywhere: they need their unit, and two telling words beside them


@dataclass(frozen=True, slots=True)
class _Sentence:
    stems: tuple[str, ...]
    telling: frozenset[str]
    figures: tuple[Figure, ...]


class PrivateKnowledge:
    name = "private_knowledge"
    version = "1"
    stage = Stage.OUTPUT
    means = Means.POLICY
    judges_sentence = True
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        if not subject.private_passages:
            return PASSED
        public = " \n".join(subject.known_texts())
        public_stems = [stem(word.text) for word in words(public)]
        public_runs = {tuple(public_stems[i : i + _RUN]) for i in range(len(public_stems) - _RUN + 1)}
        public_words, public_figures = frozenset(public_stems), figures(public)
        found: dict[PrivateKnowledgeReason, list[Span]] = {}
        for span in sentences(subject.text):
            said = subject.text[span.start : span.end]
            for private in (sentence for text in subject.private_passages for sentence in _read(text)):
                for reason, at in _leaks(said, private, public_runs, public_words, public_figures):
                    found.setdefault(reason, []).append(Span(span.start + at.start, span.start + at.end))
        if not found:
            return PASSED
        evidence = {span for spans in found.values() for span in spans}
        return blocked(*(reason for reason in PrivateKnowledgeReason if reason in found), evidence=tuple(evidence))


def _leaks(
    said: str,
    private: _Sentence,
    public_runs: set[tuple[str, ...]],
    public_words: frozenset[str],
    public_figures: list[Figure],
) -> Iterator[tuple[PrivateKnowledgeReason, Span]]:
    spoken = words(said)
    stems = [stem(word.text) for word in spoken]
    private_runs = {private.stems[i : i + _RUN] for i in range(len(private.stems) - _RUN + 1)} - public_runs
    for index in range(len(stems) - _RUN + 1):
        run = tuple(stems[index : index + _RUN])
        if run in private_runs and len(_telling(spoken[index : index + _RUN])) >= _RUN_TELLING:
            yield PrivateKnowledgeReason.WORDS, Span(spoken[index].start, spoken[index + _RUN - 1].end)
    secret = private.telling - public_words
    shared = secret & set(stems)
    if len(shared) >= max(_PARAPHRASE_LEAST, _PARAPHRASE_SHARE * len(secret)):
        at = [word for word, its_stem in zip(spoken, stems, strict=True) if its_stem in shared]
        yield PrivateKnowledgeReason.PARAPHRASE, Span(at[0].start, at[-1].end)
    beside = private.telling & _telling(spoken)
    for figure in figures(said):
        if figure.plain or any(same(figure, other) for other in public_figures):
            continue
        if any(_betrays(figure, other, beside, said) for other in private.figures):
            yield PrivateKnowledgeReason.FIGURE, Span(figure.start, figure.end)


def _betrays(figure: Figure, private: Figure, beside: frozenset[str], said: str) -> bool:
    if not same(figure, private):
        return False
    own = _telling(words(said[figure.start : figure.end]))
    others = len(beside - own)
    if figure.value > _SMALL or figure.value != int(figure.value):
        return others >= 1 or (figure.unit is not None and figure.unit == private.unit)
    return figure.unit is not None and figure.unit == private.unit and others >= 2


def _telling(spoken: list[Word]) -> frozenset[str]:
    return frozenset(stem(word.text) for word in spoken if word.text not in STOP_WORDS and len(word.text) > 2)


@lru_cache(maxsize=512)
def _read(text: str) -> tuple[_Sentence, ...]:
    """The sentences of a private text. Lines are joined: a line break inside an article's paragraph ends nothing."""
    read: list[_Sentence] = []
    for paragraph in text.split("\n\n"):
        joined = " ".join(paragraph.split())
        for span in sentences(joined):
            said = joined[span.start : span.end]
            spoken = words(said)
            stems = tuple(stem(word.text) for word in spoken)
            read.append(_Sentence(stems, _telling(spoken), tuple(f for f in figures(said) if not f.plain)))
    return tuple(read)


GUARDRAIL = PrivateKnowledge()
