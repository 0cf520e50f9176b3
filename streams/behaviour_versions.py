"""All versions of a behaviour stream, in order: for who copies a log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from streams.behaviours import BehaviourMissingError, BehaviourStream, SqliteBehaviours


class Version(NamedTuple):
    """``hash``: SHA-256 of ``content``, in hex. ``seq``: from 1, without gaps. ``recorded_at_us``: since the Unix epoch;
    None in a copy."""

    seq: int
    hash: str
    content: bytes
    recorded_at_us: int | None = None


class ListedBehaviours(BehaviourStream, Protocol):
    def versions(self) -> list[Version]:
        """Every version that was ever recorded, by seq."""
        ...


class SqliteVersions(SqliteBehaviours):
    def versions(self) -> list[Version]:
        rows = self._store.db.execute(f"select seq, hash, content, recorded_at_us from {self.kind} order by seq")
        return [Version(seq, content_hash, bytes(content), at_us) for seq, content_hash, content, at_us in rows]


class BehaviourNumbersDifferError(Exception):
    """Two logs gave one number to different versions, and conversations pin number and hash."""


def record_all(versions: Iterable[Version], into: ListedBehaviours) -> int:
    """Records what isn't there, so that every pin of these versions resolves in ``into`` as it did before. How many
    were new.

    Raises ``BehaviourNumbersDifferError``, with nothing recorded, where one would get another number.
    """
    given = list(versions)
    known = {version.hash: version.seq for version in into.versions()}
    missing = [version for version in given if not _resolves(into, version)]
    for place, version in enumerate(missing, len(known) + 1):
        here = known.get(version.hash, place)
        if here != version.seq:
            raise BehaviourNumbersDifferError(
                f"calls pin behaviour {version.seq} ({version.hash[:12]}), which has number {here} in this log, where "
                f"they would not find it: choose a log that is empty, or one that recorded the same versions in the "
                f"same order"
            )
    for version in missing:
        into.record(version.hash, version.content)
    return len(missing)


def _resolves(stream: BehaviourStream, version: Version) -> bool:
    try:
        stream.get(version.seq, version.hash)
    except BehaviourMissingError:
        return False
    return True
