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


# What a terminal obeys, and what turns the order of letters around. Callers, models, guests and other systems write text
# that people look at here: none of it may move the cursor, clear the screen, or stand over what was shown before it.
_OBEYED = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SHOWN = dict.fromkeys((sign for sign in _OBEYED if chr(sign) not in "\t\n"), "\N{REPLACEMENT CHARACTER}")


def visible(text: str) -> str:
    """The text with U+FFFD for each sign that a terminal would obey instead of showing it. Lines and tabs stay."""
    return text.translate(_SHOWN)


def spelt(text: str, *, ascii_only: bool) -> str:
    """The text with as many columns as before, in signs that the terminal has."""
    text = visible(text)
    if not ascii_only:
        return text
    return text.translate(_ASCII).encode("ascii", "replace").decode()
