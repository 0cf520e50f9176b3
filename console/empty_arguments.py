"""Arguments that a shell made of a variable that isn't set: ``--lane "$NAME"``, ``forget "call:$CALL"``.

None means anything. Taken for "not given", an empty lane would be a worker among production's own, and an empty path is this
directory; so they are refused before any command looks at them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_NOTHING_BEHIND = re.compile(r"(--[a-z-]+)=|(call):")


def told_of_empty(arguments: Sequence[str]) -> str | None:
    """What to tell whoever gave the first that is empty; None: none is. ``arguments`` without the program's name."""
    for before, argument in pairwise(("", *arguments)):
        if not argument.strip():
            return _told(before if before.startswith("--") and "=" not in before else "an argument")
        if found := _NOTHING_BEHIND.fullmatch(argument):
            return _told(found[1] or argument)
    return None


def _told(name: str) -> str:
    return f"{name} is empty: leave it out, or look at the variable that it comes from"
