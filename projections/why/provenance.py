"""Where the words of a reply come from: approved wording, a passage, the prompt, the call so far, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[a-z0-9£€$%']+")
_LITTLE_WORDS = (
    "a an and any are as at be been but by can could did do does for from had has have how i if in is it its just me my no "
    "not of on or our please so that the their them then there they this to up us was we were what when where which will "
    "with would you your yes can't cannot say tell"
)
_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve fourteen fifteen twenty thirty forty fifty sixty "
    "hundred thousand"
)
_LITTLE, _NUMBERS = frozenset(_LITTLE_WORDS.split()), frozenset(_NUMBER_WORDS.split())
ENOUGH = 0.6  # of a sentence's words of weight: below this, two sentences don't say the same thing
SOME = 0.3


class Origin(NamedTuple):
    """Of one sentence. ``source``: the name of the text that covers most of it, and its nearest ``passage`` (sentence)."""

    sentence: str
    source: str
    passage: str
    covered: float


def sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE.split(" ".join(text.split())) if part.strip()]


def words(text: str) -> set[str]:
    """Those that carry weight, without endings that grammar asks for."""
    return {_stem(word) for word in _WORD.findall(text.lower()) if word not in _LITTLE}


def all_words(text: str) -> set[str]:
    """As they are said, little ones too: "where's" is "where is"."""
    return set(re.findall(r"[a-z0-9]+", re.sub(r"['’]s\b", " is", text.lower())))


def origins(text: str, sources: Sequence[tuple[str, str]]) -> list[Origin]:
    """Of each sentence of ``text`` the source that covers most of it; of equals the first. ``sources``: (name, text)."""
    split = [(name, sentence) for name, whole in sources for sentence in _pieces(whole)]
    return [_origin(sentence, split) for sentence in sentences(text) if words(sentence)]


def figures(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.,]\d+)?", text)) | {w for w in _WORD.findall(text.lower()) if w in _NUMBERS}


def _pieces(text: str) -> Iterable[str]:
    for paragraph in re.split(r"\n\s*\n|\n(?=[-*] )", text):
        yield from sentences(paragraph)


def _origin(sentence: str, split: Sequence[tuple[str, str]]) -> Origin:
    wanted = words(sentence)
    best = Origin(sentence, "", "", 0.0)
    for name, passage in split:
        covered = len(wanted & words(passage)) / len(wanted)
        if covered > best.covered:
            best = Origin(sentence, name, passage, covered)
    return best


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
