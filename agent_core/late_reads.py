"""A read that its turn couldn't wait for: kept by the conversation until the caller was told what came of it.

kept ─ found, or failed ─ told
"""

from __future__ import annotations

import msgspec

MOST_TELLINGS = 2  # how often it is begun to be told, before the caller is left in peace


class LateRead(msgspec.Struct, frozen=True):
    """``arguments``: of its first tool, JSON. ``waits_for``: asks that are still to come back. ``found``: what the tools
    found so far. ``told_by``: the candidate that tells the caller; empty before."""

    read_id: str
    intent: str
    subject_id: str
    arguments: str
    waits_for: frozenset[str]
    found: dict[str, str] = {}
    failed: bool = False
    told_by: str = ""
    tellings: int = 0

    @property
    def over(self) -> bool:
        return self.failed or not self.waits_for
