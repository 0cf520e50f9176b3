"""Retrieval over a behaviour's articles: exact cosine and BM25, joined by reciprocal-rank fusion.

Exact, not approximate: a company's articles are some thousands of passages, one matrix product. Public and private
sections make passages of their own, so that a passage is never half private.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent_core.behaviour import Article
from agent_core.embedding_cache import EmbeddingCache
from agent_core.ports import Embedder, Passage

_PASSAGE_WORDS = 60  # a few sentences: what an answer of thirty-five words can rest on
_FUSION = 60  # Cormack, Clarke & Büttcher 2009: reciprocal-rank fusion with k = 60
_BM25_K1, _BM25_B = 1.2, 0.75  # Robertson & Zaragoza 2009
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[a-z0-9à-öø-ÿ]+(?:'[a-z]+)?")
_STOP_WORDS = (
    "a an and are as at be by can do does for from i in is it my of on or that the to was what when will with you your"
)
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class _Chunk:
    article_id: str
    title: str
    text: str
    public: bool

    @property
    def indexed(self) -> str:
        """What is searched: the title says what the passage is about, its sentences often don't."""
        return f"{self.title}. {self.text}"


class Retriever:
    """Finds passages. Its results depend on the machine's floats, so they are facts: log them, don't recompute them."""

    def __init__(self, articles: Sequence[Article], embedder: Embedder, cache: EmbeddingCache | None = None) -> None:
        """Raises what the embedder raises."""
        self._embedder = embedder
        self._chunks = [chunk for article in articles for chunk in _chunks(article)]
        texts = [chunk.indexed for chunk in self._chunks]
        self._vectors = (EmbeddingCache() if cache is None else cache).embed(texts, embedder)
        self._lexical = _Bm25([_terms(text) for text in texts])
        self._public = np.array([chunk.public for chunk in self._chunks], dtype=bool)

    def search(self, query: str, k: int = 4, public_only: bool = False) -> list[Passage]:
        """The ``k`` best passages, best first; fewer where there are fewer. ``score`` is the fused rank score.

        Both rankings are made over the passages that may be returned, so private ones can't push public ones down.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        allowed = np.flatnonzero(self._public) if public_only else np.arange(len(self._chunks))
        if allowed.size == 0 or not query.strip():
            return []
        similarity = self._vectors[allowed] @ self._embedder.embed([query])[0]
        overlap = self._lexical.scores(_terms(query))[allowed]
        fused = 1 / (_FUSION + _ranks(similarity))
        matched = overlap > 0  # a passage without any of the words has no rank among those that have some
        fused[matched] += 1 / (_FUSION + _ranks(overlap)[matched])
        best = np.lexsort((allowed, -fused))[:k]
        return [self._passage(int(allowed[index]), float(fused[index])) for index in best]

    def _passage(self, index: int, score: float) -> Passage:
        chunk = self._chunks[index]
        return Passage(article_id=chunk.article_id, text=chunk.text, score=score, public=chunk.public)


class _Bm25:
    """Okapi BM25 over all documents at once: a query costs one lookup for each of its words."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._count = len(documents)
        lengths = np.array([len(document) for document in documents], dtype=np.float64)
        mean = float(lengths.mean()) if self._count else 1.0
        norms = _BM25_K1 * (1 - _BM25_B + _BM25_B * lengths / max(mean, 1.0))
        postings: dict[str, list[tuple[int, int]]] = {}
        for index, document in enumerate(documents):
            for term, frequency in Counter(document).items():
                postings.setdefault(term, []).append((index, frequency))
        self._weights: dict[str, tuple[NDArray[np.intp], NDArray[np.float64]]] = {}
        for term, found in postings.items():
            at = np.array([index for index, _ in found], dtype=np.intp)
            frequency_in = np.array([frequency for _, frequency in found], dtype=np.float64)
            rarity = math.log(1 + (self._count - len(found) + 0.5) / (len(found) + 0.5))
            self._weights[term] = at, rarity * frequency_in * (_BM25_K1 + 1) / (frequency_in + norms[at])

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        total = np.zeros(self._count)
        for term in terms:
            if term in self._weights:
                at, weights = self._weights[term]
                total[at] += weights
        return total


def _ranks(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 for the highest; equal scores keep the order of the articles."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def _chunks(article: Article) -> list[_Chunk]:
    return [
        _Chunk(article.id, article.title, text, public)
        for section, public in ((article.public, True), (article.private, False))
        for text in _passages(section)
    ]


def _passages(section: str) -> list[str]:
    """Whole sentences up to ``_PASSAGE_WORDS``; a paragraph always begins a new passage, a long sentence is its own."""
    passages: list[str] = []
    for paragraph in re.split(r"\n\s*\n", section):
        current: list[str] = []
        for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
            if current and len(" ".join([*current, sentence]).split()) > _PASSAGE_WORDS:
                passages.append(" ".join(current))
                current = []
            if sentence:
                current.append(sentence)
        if current:
            passages.append(" ".join(current))
    return passages


def _terms(text: str) -> list[str]:
    """Lower case, plural and possessive s cut, function words left out."""
    found = (word.removesuffix("'s") for word in _WORD.findall(text.lower().replace("’", "'")))
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
            for word in found if word not in _STOP]  # fmt: skip
