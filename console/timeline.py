"""Moments to columns of a bar, with idle time cut short.

A turn's race takes half a second and its reply ten: drawn to scale, everything that matters would fall on one column.
Stretches in which nothing happens are therefore drawn a few columns wide, whatever they last. The price: only the busy
stretches are to scale, and all of them to the same one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

IDLE_MS = 700.0  # nothing happened for longer than this: cut
GAP_COLUMNS = 3
MIN_SPAN_MS = 1.0


class Stretch(NamedTuple):
    begin_ms: float
    end_ms: float
    first_column: float
    columns: float
    idle: bool


class Timeline(NamedTuple):
    stretches: tuple[Stretch, ...]
    width: int

    def column(self, at_ms: float) -> int:
        """0 .. width-1; moments outside fall on the nearest end."""
        for stretch in self.stretches:
            if at_ms <= stretch.end_ms:
                part = max(0.0, at_ms - stretch.begin_ms) / (stretch.end_ms - stretch.begin_ms)
                return min(self.width - 1, int(stretch.first_column + part * stretch.columns))
        return self.width - 1

    def gaps(self) -> frozenset[int]:
        """Columns that stand for idle time that was cut."""
        return frozenset(
            column
            for s in self.stretches
            if s.idle
            for column in range(int(s.first_column) + 1, int(s.first_column + s.columns))
        )


def linear(end_ms: float, width: int) -> Timeline:
    """From the end of speech, to scale."""
    return Timeline((Stretch(0.0, max(end_ms, MIN_SPAN_MS), 0.0, float(width), False),), width)


def compressed(moments_ms: Iterable[float], width: int, *, idle_ms: float = IDLE_MS) -> Timeline:
    """Spans all moments; what lies between two neighbours more than ``idle_ms`` apart is cut to a gap."""
    moments = sorted(set(moments_ms)) or [0.0]
    if len(moments) == 1:
        moments.append(moments[0] + MIN_SPAN_MS)
    pairs = list(pairwise(moments))
    gaps = sum(after - before > idle_ms for before, after in pairs)
    gap_columns = float(min(GAP_COLUMNS, max(1, width // (2 * gaps)))) if gaps else 0.0
    busy_ms = sum(after - before for before, after in pairs if after - before <= idle_ms)
    busy_columns = width - gaps * gap_columns
    if busy_ms <= 0:  # nothing but gaps
        gap_columns = width / gaps
    stretches: list[Stretch] = []
    column = 0.0
    for before, after in pairs:
        idle = after - before > idle_ms
        columns = gap_columns if idle else busy_columns * (after - before) / busy_ms
        stretches.append(Stretch(before, after, column, columns, idle))
        column += columns
    return Timeline(tuple(stretches), width)
