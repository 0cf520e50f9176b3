"""The knowledge stream: every article as it ever was, and every set of articles that was in force.

It is numbered and found as the behaviour stream is (contiguous seq, content hash). A recorded behaviour holds the seq and
hash of its set, so a conversation that pins a behaviour pins its knowledge, exactly; a new prompt records no article
again, and a new article none of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from streams.behaviour_versions import ListedBehaviours, Version

_ARTICLES, _KNOWLEDGE = "articles", "knowledge"


class WithKnowledge:
    """A behaviour stream that keeps articles in the knowledge stream. Implements ``ListedBehaviours``: what goes in comes
    out, byte for byte, so hashes hold."""

    def __init__(self, behaviours: ListedBehaviours, knowledge: ListedBehaviours) -> None:
        self._behaviours, self.knowledge = behaviours, knowledge
        self._recorded: dict[str, int] = {}

    def record(self, content_hash: str, content: bytes) -> int:
        if content_hash not in self._recorded:
            self._recorded[content_hash] = self._behaviours.record(content_hash, self._parted(content))
        return self._recorded[content_hash]

    def record_many(self, versions: Sequence[tuple[str, bytes]]) -> list[int]:
        return [self.record(content_hash, content) for content_hash, content in versions]

    def get(self, seq: int, content_hash: str) -> bytes:
        return self._whole(self._behaviours.get(seq, content_hash))

    def versions(self) -> list[Version]:
        return [version._replace(content=self._whole(version.content)) for version in self._behaviours.versions()]

    def close(self) -> None:
        self._behaviours.close()
        self.knowledge.close()

    def _parted(self, content: bytes) -> bytes:
        """As it is where its articles can't be taken out and put back without changing a byte."""
        behaviour = _object(content)
        if behaviour is None or not isinstance(behaviour.get(_ARTICLES), list) or _KNOWLEDGE in behaviour:
            return content
        if _canonical(behaviour) != content:
            return content
        articles = [_hashed(_canonical(article)) for article in behaviour.pop(_ARTICLES)]
        seqs = self.knowledge.record_many(articles)
        content_hash, members = _hashed(
            _canonical([[seq, name] for seq, (name, _) in zip(seqs, articles, strict=True)])
        )
        behaviour[_KNOWLEDGE] = [self.knowledge.record(content_hash, members), content_hash]
        return _canonical(behaviour)

    def _whole(self, content: bytes) -> bytes:
        behaviour = _object(content)
        if behaviour is None or _KNOWLEDGE not in behaviour:
            return content
        members = msgspec.json.decode(self.knowledge.get(*behaviour.pop(_KNOWLEDGE)), type=list[tuple[int, str]])
        behaviour[_ARTICLES] = [msgspec.json.decode(self.knowledge.get(*member)) for member in members]
        return _canonical(behaviour)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _hashed(content: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(content).hexdigest(), content
