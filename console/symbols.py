"""The signs of the terminal view, and how they are spelt where a terminal has only ASCII.

Every sign is one column wide, has a shape of its own (so that the view reads without colour) and is in the usual
monospaced fonts; none is ever drawn as an emoji.
"""

from __future__ import annotations

HEARD = "●"
HEARD_EAGER = "○"
DROPPED_SPECULATION = "↺"
INTENTS = "◆"
ARTICLES = "≡"
GUARD = "§"
RACING = "·"
JUDGING = "?"
ACCEPTED = "✓"
BLOCKED = "✗"
DROPPED = "–"
CHOSEN = "★"
HOLD = "♪"
SOUND = "►"
REFUSED = "⊘"
CUT = "⊣"
SAID = "»"
WARNING = "!"
BAR = "━"
GAP = "┄"
FULL = "█"
EMPTY = "░"
HOLD_MARK = "╎"
GIVE_UP_MARK = "│"
HARD_MARK = "┃"

_ASCII = str.maketrans(
    {
        HEARD: "@",
        HEARD_EAGER: "o",
        DROPPED_SPECULATION: "<",
        INTENTS: "#",
        ARTICLES: "=",
        GUARD: "&",
        RACING: ".",
        ACCEPTED: "+",
        BLOCKED: "x",
        DROPPED: "-",
        CHOSEN: "*",
        HOLD: "~",
        SOUND: ">",
        REFUSED: "%",
        CUT: "|",
        SAID: ">",
        BAR: "=",
        GAP: ":",
        FULL: "#",
        EMPTY: ".",
        HOLD_MARK: "|",
        GIVE_UP_MARK: "|",
        HARD_MARK: "!",
        "“": '"',
        "”": '"',
        "’": "'",
        "…": ".",
        "→": ">",
        "×": "x",
    }
)


def spelt(text: str, *, ascii_only: bool) -> str:
    """The text with as many columns as before, in signs that the terminal has."""
    if not ascii_only:
        return text
    return text.translate(_ASCII).encode("ascii", "replace").decode()
