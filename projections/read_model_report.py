"""How the read models stand: what ``ledgerline project --json`` prints."""

from __future__ import annotations

import msgspec


class Projected(msgspec.Struct, frozen=True, kw_only=True):
    """``version``: of the rows; null where nothing was projected yet. ``fit``: fits, new, outdated, changed, incomplete, newer.
    ``rows``: that hold now, as ``select count(*) from NAME`` counts them. ``states``: every state of every row
    (``NAME_history``). ``behind``: records of the log (versions, of the behaviour stream) that aren't in the
    rows yet. ``advice``: what is wrong and what to do. ``rebuilding``: a newer version is half built."""

    name: str
    version: int | None
    rows: int | None
    states: int | None
    behind: int
    fit: str
    advice: str | None
    rebuilding: bool
