"""An invariant that did not hold, and where."""

from __future__ import annotations

from typing import NamedTuple


class Violation(NamedTuple):
    """``invariant``: the name under which docs/invariants.md lists it."""

    invariant: str
    message: str
