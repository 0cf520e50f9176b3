"""Articles of the knowledge, as each behaviour version had them: the row's validity is how long its wording stood.

A conversation used the wording of the behaviour that it pinned, however long ago that was recorded: filter by
``behaviour_seq`` intervals (``from_offset`` and ``to_offset`` count behaviour versions here), not by the call's time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta

from agent_core.behaviour import Article, Behaviour
from projections.read_models.definition import ReadModel, RecordedBehaviour, Row


class ArticleRow(Row, frozen=True, kw_only=True):
    article_id: Annotated[str, Meta(description="The article.")]
    title: Annotated[str, Meta(description="Its title.")]
    public: Annotated[str, Meta(description="What may be said to a caller.")]
    private: Annotated[str, Meta(description="What guides the agent and must never be said.")]
    content_hash: Annotated[str, Meta(description="SHA-256 of title, public and private text.")]


class Articles:
    def __init__(self) -> None:
        self._known: dict[str, ArticleRow] = {}

    def take(self, recorded: RecordedBehaviour) -> tuple[Iterable[Row], Iterable[tuple[Any, ...]]]:
        now = {a.id: _row(a) for a in Behaviour.from_canonical(recorded.content).articles}
        changed = [row for article_id, row in now.items() if self._known.get(article_id) != row]
        removed = [(article_id,) for article_id in self._known if article_id not in now]
        self._known = now
        return changed, removed


def _row(article: Article) -> ArticleRow:
    content = "\x1e".join((article.title, article.public, article.private))
    return ArticleRow(
        article_id=article.id,
        title=article.title,
        public=article.public,
        private=article.private,
        content_hash=hashlib.sha256(content.encode()).hexdigest(),
    )


ARTICLES = ReadModel(
    name="articles",
    version=1,
    about="One row an article; its history holds every wording with the behaviour versions that had it.",
    row=ArticleRow,
    key=("article_id",),
    behaviours=Articles,
)
