"""The behaviours that conversations pinned, read from the behaviour stream and held to their content hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

from agent_core.behaviour import Behaviour
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
