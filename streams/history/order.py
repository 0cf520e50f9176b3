"""Entries of one conversation in order of time, each with the record that it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from streams.history.times import us_of
from streams.history.transcript import AnyEntry


class Told(NamedTuple):
    entry: AnyEntry
    original: Any


def told_of(entries: Iterable[AnyEntry], original: Any) -> list[Told]:
    """Several entries may come of one record: the first keeps it. Each has its time."""
    return [Told(entry, None if number else original) for number, entry in enumerate(entries)]


def in_order(told: Iterable[Told]) -> tuple[list[AnyEntry], tuple[Any, ...]]:
    """By time; what happened at once stays as it was told. Each entry has its time. Raises ``ValueError``."""
    ordered = sorted(told, key=lambda each: us_of(each.entry.at or ""))
    return [each.entry for each in ordered], tuple(each.original for each in ordered)
