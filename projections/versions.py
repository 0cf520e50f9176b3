"""History as validity intervals: each state of a row with the stretch of the log in which it held.

A step of the log is atomic, so rows change by whole steps. A version holds from the step that made it (``from_offset``: of
the step's last record; ``from_us``: when the step was accepted) up to the step that replaced it, exclusive; without one
it still holds. "As of" is then a filter: ``from_offset <= T and (to_offset is null or to_offset > T)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from projections.read_models.definition import ReadModel, Row

INTERVAL = ("partition", "from_offset", "from_us", "to_offset", "to_us")


class Moment(NamedTuple):
    """Of a step. ``partition``: None in the behaviour stream, whose offsets are versions' numbers. ``at_us``: None where
    that stream doesn't tell."""

    partition: int | None
    offset: int
    at_us: int | None


class Changes:
    """What one transaction writes, by the place of the read model in its group.

    ``inserts``: versions, as the row's columns and then ``INTERVAL``. ``ends``: (to_offset, to_us, key…, from_offset) of
    versions that an earlier transaction wrote. ``unknown``: types and versions of events that this code doesn't know and
    passed over.
    """

    def __init__(self, models: int) -> None:
        self.inserts: list[list[list[Any]]] = [[] for _ in range(models)]
        self.ends: list[list[tuple[Any, ...]]] = [[] for _ in range(models)]
        self.unknown: set[tuple[str, int]] = set()

    @property
    def size(self) -> int:
        return sum(map(len, self.inserts)) + sum(map(len, self.ends))


class _Version(msgspec.Struct):
    row: Row
    stored: list[Any]
    changes: int  # number of the transaction that inserts it
    from_offset: int


class Versions:
    """The versions that hold now, of the rows of one conversation (or of the behaviour stream)."""

    def __init__(self, models: list[ReadModel]) -> None:
        self._models = models
        self._holding: dict[tuple[int, Any], _Version] = {}

    def change(self, rows: Mapping[tuple[int, Any], Row | None], moment: Moment, changes: Changes, number: int) -> None:
        """``rows``: by (place of the read model, key); None: the row is no more. ``number``: of ``changes``."""
        for key, row in rows.items():
            former = self._holding.get(key)
            if former is not None:
                if former.row == row:
                    continue
                self._end(key, former, moment, changes, number)
            if row is None:
                self._holding.pop(key, None)
                continue
            stored = [*msgspec.structs.astuple(row), *moment, None, None]
            changes.inserts[key[0]].append(stored)
            if self._models[key[0]].changes:
                self._holding[key] = _Version(row, stored, number, moment.offset)

    def _end(self, key: tuple[int, Any], former: _Version, moment: Moment, changes: Changes, number: int) -> None:
        if former.changes == number:
            former.stored[-2:] = (moment.offset, moment.at_us)
            return
        place, names = key
        in_full = names if isinstance(names, tuple) else (names,)
        changes.ends[place].append((moment.offset, moment.at_us, *in_full, former.from_offset))
