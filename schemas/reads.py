"""What becomes of a read that a turn can't wait for: decisions.

Part of the decisions; a module of its own for its size.
"""

from __future__ import annotations

from schemas.base import Decision


class ReadKept(Decision, frozen=True, kw_only=True):
    """The turn gives up before its tools have found everything: they go on, and the caller hears of it in a later turn.

    ``read_id``: the ask of the intent's first tool. ``waits_for``: the asks that are still open. It is for the subject who
    is authenticated here.
    """

    read_id: str
    intent: str
    waits_for: tuple[str, ...]


class ReadTold(Decision, frozen=True, kw_only=True):
    """This candidate tells the caller what was found late, or that nothing was. Heard to its end, it is over with."""

    read_id: str
    candidate_id: str
