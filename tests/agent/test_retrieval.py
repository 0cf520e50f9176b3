"""Retrieval: exact, hybrid, and never mixing public with private."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_core.behaviour import Article
from agent_core.behaviour_loader import load
from agent_core.embedding_cache import EmbeddingCache
from agent_core.retrieval import Retriever
from providers.embeddings import MiniLM

BANK = Path(__file__).parent.parent.parent / "examples" / "bank"
ARTICLES = (
    Article(id="hours", title="Opening hours", public="We open at nine.", private="The vault opens at six."),
    Article(id="fees", title="Fees", public="Paying abroad is free. " * 30 + "\n\nCash abroad costs two pounds."),
    Article(id="note", title="Note", private="The code word is heron."),
)


class Letters:
    """An embedder that counts letters: enough to tell texts apart, and it counts its own work."""

    name = "letters"
    dimensions = 26

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        rows = np.array([[text.lower().count(chr(97 + i)) + 1e-3 for i in range(26)] for text in texts], np.float32)
        normalised: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return normalised


@pytest.fixture(scope="module")
def bank() -> Retriever:
    return Retriever(load(BANK).articles, MiniLM())


@pytest.mark.parametrize(
    ("question", "article"),
    [
        ("how long until my new card is here", "card-delivery"),
        ("when do you open on saturday", "branches"),
        ("what does it cost to get cash in another country", "using-your-card-abroad"),
        ("i forgot my pin", "pin"),
        ("somebody stole my wallet", "lost-card"),
        ("can I stop a direct debit", "direct-debits"),
        ("the app won't let me in", "app"),
        ("how fast is a transfer", "transfers"),
        ("is this a computer", "about-this-line"),
        ("what do I bring for a mortgage", "mortgages"),
    ],
)
def test_a_spoken_question_finds_its_article(bank: Retriever, question: str, article: str) -> None:
    assert article in [passage.article_id for passage in bank.search(question, k=3, public_only=True)]


def test_private_passages_are_marked_and_can_be_left_out(bank: Retriever) -> None:
    found = bank.search("which branches close in the autumn", k=6)
    assert any(not passage.public and "Quay Street" in passage.text for passage in found)
    public = bank.search("which branches close in the autumn", k=6, public_only=True)
    assert public
    assert all(passage.public for passage in public)
    assert not any("Quay Street" in passage.text for passage in public)


def test_no_passage_is_half_private() -> None:
    retriever = Retriever(ARTICLES, Letters())
    for passage in retriever.search("open vault heron abroad", k=20):
        section = next(a for a in ARTICLES if a.id == passage.article_id)
        assert passage.text in " ".join((section.public if passage.public else section.private).split())


def test_a_long_section_is_cut_between_sentences() -> None:
    found = Retriever(ARTICLES, Letters()).search("abroad", k=20, public_only=True)
    fees = [passage.text for passage in found if passage.article_id == "fees"]
    assert len(fees) >= 3
    assert all(len(text.split()) <= 60 and text.endswith(".") for text in fees)
    assert "Cash abroad costs two pounds." in fees


def test_best_comes_first_and_ties_keep_the_articles_order() -> None:
    twins = (Article(id="b", title="T", public="Same text."), Article(id="a", title="T", public="Same text."))
    found = Retriever(twins, Letters()).search("same text", k=2)
    assert [passage.article_id for passage in found] == ["b", "a"]
    assert found[0].score >= found[1].score


def test_a_rare_word_wins_where_embeddings_see_nothing() -> None:
    class Blind(Letters):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.full((len(texts), 26), 26**-0.5, dtype=np.float32)

    assert Retriever(ARTICLES, Blind()).search("heron", k=1)[0].article_id == "note"


def test_an_unchanged_passage_is_not_embedded_again() -> None:
    embedder, cache = Letters(), EmbeddingCache()
    Retriever(ARTICLES, embedder, cache)
    before = len(embedder.embedded)
    changed = (*ARTICLES[:2], ARTICLES[2].model_copy(update={"private": "The code word is gull."}))
    Retriever(changed, embedder, cache)
    assert len(embedder.embedded) == before + 1


def test_nothing_to_search_or_nothing_asked_finds_nothing() -> None:
    assert Retriever((), Letters()).search("anything") == []
    assert Retriever(ARTICLES, Letters()).search("  ") == []
    assert Retriever(ARTICLES[2:], Letters()).search("heron", public_only=True) == []


def test_fewer_than_one_passage_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="k must be"):
        Retriever(ARTICLES, Letters()).search("open", k=0)
