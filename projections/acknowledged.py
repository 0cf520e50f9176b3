"""Which facts an inbox acknowledged, for the proof that none of them was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from streams.sqlite_store import SqliteStore

_SELECT = "select offset, event_id, conversation_id from inbox where partition = ? and offset <= ? order by offset"


class AcknowledgedFact(NamedTuple):
    offset: int
    event_id: str
    conversation_id: str


class AcknowledgedFacts(Protocol):
    def up_to(self, partition: int, offset: int) -> Iterator[AcknowledgedFact]:
        """The facts at or below ``offset``, in order."""
        ...


class SqliteAcknowledgedFacts:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def up_to(self, partition: int, offset: int) -> Iterator[AcknowledgedFact]:
        return (AcknowledgedFact(*row) for row in self._store.db.execute(_SELECT, (partition, offset)))
