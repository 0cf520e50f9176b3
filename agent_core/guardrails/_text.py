"""Words and sentences with their places in the text. Speech arrives without capitals and punctuation: nothing here
needs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent_core.guardrails.base import Span

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")

_STOP_WORDS = """
a about after all also am an and any are as at be because been before but by can can't could did do does don't
each either every for from get give had has have he her here hers him his how i i'd i'll i'm i've if in into
is isn't it it's its just let like may me might more most must my no not of off on once one only or other our
out over own please she should so some such than that that's the their them then there they this those through
to too under until up us very was we we'll we're were what when where which while who why will with won't
would yes you you'll you're your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class Word:
    """``text`` in lower case with straight apostrophes; ``start``/``end`` are offsets in the original."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    return [Word(m[0].lower().replace("’", "'"), m.start(), m.end()) for m in _WORD.finditer(text)]


def sentences(text: str) -> Iterator[Span]:
    """Sentences as spans; a text without punctuation is one sentence."""
    start = 0
    for gap in _SENTENCE_END.finditer(text):
        if gap.start() > start:
            yield Span(start, gap.start())
        start = gap.end()
    if start < len(text):
        yield Span(start, len(text))


def stem(word: str) -> str:
    """A crude stem: enough that closes, closed and closing are one word."""
    word = word.removesuffix("'s")
    for suffix in ("ingly", "edly", "ing", "ies", "ed", "es", "ly", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 4:
            return word[: -len(suffix)] + ("y" if suffix == "ies" else "")
    return word.removesuffix("e") if len(word) > 4 else word


def spans(pattern: re.Pattern[str], text: str) -> tuple[Span, ...]:
    return tuple(Span(match.start(), match.end()) for match in pattern.finditer(text))


def any_of(alternatives: Iterable[str]) -> re.Pattern[str]:
    """One case-blind pattern of whole words. A space matches any white space, `` ?`` that or nothing, ``[- ]`` a hyphen too,
    ``'`` either apostrophe or none. Raises ``ValueError`` for one that ends in a blank: no word would be whole there."""
    alternatives = tuple(alternatives)
    if endless := [part for part in alternatives if part.endswith(" ")]:
        raise ValueError(f"a pattern that ends in a blank matches nothing: {endless[0]!r}")
    parts = (
        part.replace("[- ]", r"[-\s]+").replace(" ?", r"[\s,]*").replace(" ", r"[\s,]+").replace("'", "['’]?")
        for part in alternatives
    )
    return re.compile(r"(?<!\w)(?:" + "|".join(parts) + r")(?!\w)", re.IGNORECASE)
