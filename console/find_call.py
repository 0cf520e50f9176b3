"""Which call a person means: its id, the beginning of it, or ``last``."""

from __future__ import annotations

from console.failures import UsageError
from console.workspace import Workspace
from schemas.custody import CUSTODY

MOST_NAMED = 5


async def find_call(workspace: Workspace, wanted: str) -> str:
    """Call ids sort by time. Raises ``UsageError`` where none or several are meant."""
    known = [name for name in await workspace.conversations() if name != CUSTODY]
    if not known:
        raise UsageError("there are no calls on this log yet")
    if not wanted:
        raise UsageError("which call? An empty name is the beginning of every call's: ledgerline calls lists them")
    if wanted == "last":
        return max(known)
    if wanted in known:
        return wanted
    found = [call_id for call_id in known if call_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no call {wanted!r} on this log: ledgerline calls lists them")
    named = ", ".join(found[:MOST_NAMED]) + (", ..." if len(found) > MOST_NAMED else "")
    raise UsageError(f"{wanted!r} is the beginning of {len(found)} calls: {named}")
