"""The behaviours that conversations pinned, read from the behaviour stream and held to their content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache

from agent_core.behaviour import Behaviour
from projections.read_models.definition import RecordedBehaviour
from streams.behaviours import BehaviourMissingError, BehaviourStream


def recorded_behaviours(stream: BehaviourStream) -> Callable[[int, str], Behaviour]:
    """``behaviour_of(seq, content_hash)``. Raises ``BehaviourMissingError`` where it isn't there or was changed."""

    @cache
    def behaviour_of(seq: int, content_hash: str) -> Behaviour:
        content = stream.get(seq, content_hash)
        if hashlib.sha256(content).hexdigest() != content_hash:
            raise BehaviourMissingError(f"the content of behaviour {seq} is not what its hash says: it was changed")
        return Behaviour.from_canonical(content)

    return behaviour_of


def behaviours_among(recorded: Callable[[], Sequence[RecordedBehaviour]]) -> Callable[[int, str], Behaviour]:
    """The same, of a list that is asked again where one isn't among those known: its content is what its hash names.

    Raises ``BehaviourMissingError``.
    """
    contents: dict[str, bytes] = {}

    @cache
    def behaviour_of(seq: int, content_hash: str) -> Behaviour:
        if content_hash not in contents:
            contents.update({version.hash: version.content for version in recorded()})
        if content_hash not in contents:
            raise BehaviourMissingError(f"behaviour {seq} isn't recorded, and a conversation pinned it")
        return Behaviour.from_canonical(contents[content_hash])

    return behaviour_of
