"""How far a read model has come in a stream."""

from __future__ import annotations

from typing import NamedTuple

BEHAVIOUR_STREAM = -1  # stands where a partition of the log would: behaviours are a stream of their own


class Checkpoint(NamedTuple):
    """Everything before ``offset`` is in the rows, and ``epoch`` is in force there: a place between whole steps. In the
    behaviour stream ``offset`` is the newest version's seq, and ``epoch`` 0."""

    offset: int
    epoch: int


BEGINNING = Checkpoint(0, 0)
