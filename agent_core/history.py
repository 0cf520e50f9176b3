"""What was said before, as a model is told it: the newest lines word for word, older ones shortened. Pure.

The border between them moves in strides. Between two strides a prompt only grows at its end, so that the provider's cache
of its beginning holds from turn to turn; a border that moved with every line would break it with every line.

    lines      1 … 8      9 … 16     17 … 24     25 26 27
               shortened  shortened  word for word
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from agent_core.conversation import Line

RECENT = 8  # lines at least that are told word for word
STRIDE = 8  # lines by which the border moves
MOST_SHORTENED = 48  # lines; what is older than these is left out
MOST_WORDS = 14  # of a shortened line

_SENTENCE = re.compile(r"(?<=[.!?])\s")
_ROLES = {"caller": "Caller", "agent": "You"}


class History(NamedTuple):
    """``earlier``: one text, empty where nothing is that old. ``recent``: lines word for word."""

    earlier: str
    recent: tuple[Line, ...]


def history_of(lines: Sequence[Line]) -> History:
    """``lines``: of the turns before this one, oldest first."""
    old = max(0, (len(lines) - RECENT) // STRIDE * STRIDE)
    left_out = max(0, old - MOST_SHORTENED)
    earlier = "\n".join(f"{_ROLES.get(line.role, line.role)}: {shortened(line.text)}" for line in lines[left_out:old])
    return History(earlier, tuple(lines[old:]))


def shortened(text: str) -> str:
    """Its first sentence, of at most ``MOST_WORDS`` words; what is left out shows as an ellipsis."""
    whole = " ".join(text.split())
    words = _SENTENCE.split(whole, maxsplit=1)[0].split()[:MOST_WORDS]
    short = " ".join(words)
    return short if short == whole else f"{short} …"
