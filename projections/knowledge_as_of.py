"""What an article said under a behaviour version, and for which versions that wording stood."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agent_core.behaviour import Article, Behaviour
from projections.read_models.definition import RecordedBehaviour


class ArticleAsOf(msgspec.Struct, frozen=True, kw_only=True):
    """``since_behaviour`` to ``until_behaviour`` (exclusive; null: it still stands): the versions with this wording."""

    article_id: str
    title: str
    public: str
    private: str
    behaviour_seq: int
    behaviour_hash: str
    since_behaviour: int
    until_behaviour: int | None


def article_as_of(
    article_id: str, behaviour_seq: int, recorded: Sequence[RecordedBehaviour]
) -> tuple[ArticleAsOf | None, list[str]]:
    """(the article, or None where that version has none of this id; all ids that it has).

    ``recorded``: every version of the log, by seq. Raises ``LookupError`` where ``behaviour_seq`` isn't among them.
    """
    by_seq = {version.seq: version for version in recorded}
    if behaviour_seq not in by_seq:
        raise LookupError(f"behaviour {behaviour_seq} isn't recorded in this log")
    pinned = by_seq[behaviour_seq]
    articles = _articles(pinned)
    article = articles.get(article_id)
    if article is None:
        return None, sorted(articles)
    since, until = behaviour_seq, behaviour_seq + 1
    while since - 1 in by_seq and _articles(by_seq[since - 1]).get(article_id) == article:
        since -= 1
    while until in by_seq and _articles(by_seq[until]).get(article_id) == article:
        until += 1
    found = ArticleAsOf(
        article_id=article_id,
        title=article.title,
        public=article.public,
        private=article.private,
        behaviour_seq=behaviour_seq,
        behaviour_hash=pinned.hash,
        since_behaviour=since,
        until_behaviour=until if until in by_seq else None,
    )
    return found, sorted(articles)


def _articles(version: RecordedBehaviour) -> dict[str, Article]:
    return {article.id: article for article in Behaviour.from_canonical(version.content).articles}
