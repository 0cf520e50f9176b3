"""Control records: they stand on the log but belong to no conversation."""

from __future__ import annotations

from schemas.base import Control


class OwnerTook(Control, frozen=True, kw_only=True):
    """A process takes a partition under a new epoch. Void unless ``epoch`` is above the one in force before it."""

    epoch: int
    owner_id: str
