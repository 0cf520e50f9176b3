"""The knowledge of a behaviour: kept article by article, pinned by number and hash, and given back byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent_core.behaviour_loader import load
from console.settings import EXAMPLE_BEHAVIOUR
from streams.behaviour_versions import SqliteVersions
from streams.behaviours import BehaviourMissingError
from streams.knowledge import WithKnowledge
from streams.sqlite_store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "log.db")
    yield opened
    opened.close()


def _stream(store: SqliteStore) -> WithKnowledge:
    return WithKnowledge(SqliteVersions(store), SqliteVersions(store, "knowledge"))


def _behaviour(prompt: str, *articles: str) -> tuple[str, bytes]:
    told = [{"id": str(number), "public": text} for number, text in enumerate(articles)]
    content = msgspec.json.encode({"prompt": prompt, "articles": told}, order="sorted")
    return hashlib.sha256(content).hexdigest(), content


def test_the_example_comes_back_byte_for_byte_and_no_article_of_it_lies_in_the_behaviour_stream(
    store: SqliteStore,
) -> None:
    behaviour = load(EXAMPLE_BEHAVIOUR)
    seq = _stream(store).record(behaviour.content_hash, behaviour.canonical())
    assert _stream(store).get(seq, behaviour.content_hash) == behaviour.canonical()
    assert len(_stream(store).knowledge.versions()) == len(behaviour.articles) + 1
    (kept,) = SqliteVersions(store).versions()
    said = behaviour.articles[0].public.splitlines()[0]
    assert said.encode() in behaviour.canonical()
    assert said.encode() not in kept.content


def test_a_new_prompt_records_no_article_again_and_a_new_article_none_of_the_others(store: SqliteStore) -> None:
    stream = _stream(store)
    stream.record(*_behaviour("be kind", "fees are 2 %", "cards take a week"))
    assert len(stream.knowledge.versions()) == 3  # two articles and their set
    stream.record(*_behaviour("be brief", "fees are 2 %", "cards take a week"))
    assert len(stream.knowledge.versions()) == 3
    stream.record(*_behaviour("be brief", "fees are 3 %", "cards take a week"))
    assert len(stream.knowledge.versions()) == 5


def test_what_an_article_said_is_found_by_what_was_pinned_though_it_changed_since(store: SqliteStore) -> None:
    before, after = _behaviour("be kind", "fees are 2 %"), _behaviour("be kind", "fees are 3 %")
    stream = _stream(store)
    assert [stream.record(*before), stream.record(*after), stream.record(*before)] == [1, 2, 1]
    assert _stream(store).get(1, before[0]) == before[1]
    assert [version.content for version in _stream(store).versions()] == [before[1], after[1]]


def test_knowledge_that_is_gone_is_named(store: SqliteStore) -> None:
    content_hash, content = _behaviour("be kind", "fees are 2 %")
    seq = _stream(store).record(content_hash, content)
    store.db.execute("delete from knowledge where seq = 1")
    with pytest.raises(BehaviourMissingError, match="knowledge 1"):
        _stream(store).get(seq, content_hash)


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[1]",
        b'{"articles": [{"id": "x"}]}',  # spaces: nobody could tell that they were there
        b'{"articles":7}',
        b'{"articles":[],"knowledge":[1,"x"]}',
    ],
)
def test_what_could_not_be_put_together_again_is_kept_whole(store: SqliteStore, content: bytes) -> None:
    _stream(store).record("a", content)
    assert SqliteVersions(store).get(1, "a") == content


def test_what_was_recorded_with_its_articles_in_it_is_read_as_before(store: SqliteStore) -> None:
    content_hash, content = _behaviour("be kind", "fees are 2 %")
    SqliteVersions(store).record(content_hash, content)
    assert _stream(store).get(1, content_hash) == content
