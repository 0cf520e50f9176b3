"""What a promise or an undertaking is about: "the hotel bill" of "we'll refund the hotel bill".

That a source speaks of refunds doesn't ground every refund: it must speak of what is refunded beside it. Words are compared
by their stems, in the sentence that speaks of the deed and those next to it. A pronoun is about whatever went before, and words
that say when, where, how much or to whom are judged elsewhere, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from agent_core.guardrails._text import STOP_WORDS, sentences, stem, words

_AHEAD_ENDS = re.compile(  # what follows says when, where, why or whence, no longer what
    r"[,;:.!?–]|\b(?:if|once|when|while|until|unless|because|since|so|as|but|then|within|by|at|in|under|from|to|into|after|"
    r"before|during|through|via|without|with|and|or|who|which|that|we|i|you(?! a| an| the| your| for))\b",
    re.IGNORECASE,
)
_BEHIND_ENDS = re.compile(r"[,;:.!?–]|\b(?:if|once|when|and|but|or|so|because|that|then|says?|said)\b", re.IGNORECASE)
_WITH_A_VERB = re.compile(r"'(?:d|ll|re|ve|m|s)$")
_LITTLE = """
another any anything arrive arrives back bank between colleague colleagues come comes company course customer
customers directly extra fresh full further get gets getting gladly happily immediately just little lot money never
new next now number one ones other others own paid pay paying pays personally remaining rest right same second send
sends sent separate separately sum amount soon straight third thing things today together tomorrow total whole always
really simply completely entirely also automatically already fully definitely certainly surely probably usually monday
tuesday wednesday thursday friday saturday sunday morning afternoon evening week weeks day days month months year
years hour hours minute minutes working zero two three four five six seven eight nine ten twenty thirty forty fifty
hundred thousand pound pounds pence percent euro euros quid
"""
_SAY_LITTLE = frozenset(map(stem, _LITTLE.split()))  # beside what it is done to
_ALIKE = tuple(  # of one group each stands for the other
    frozenset(map(stem, group.split()))
    for group in (
        "fee fees charge charges charged cost costs costing price",
        "letter letters mail write written writing post",
        "text texts message messages sms",
        "replacement replacements replace replaced replaces card cards",
        "form forms",
        "payment payments transaction transactions",
        "appointment appointments meeting visit",
        "premium premiums insurance",
        "call calls phone",
    )
)


def told_ahead(text: str, start: int) -> frozenset[str]:
    """Stems of what is named from ``start`` on: the object of a verb that ends there."""
    ends = _AHEAD_ENDS.search(text, start)
    return _stems(text[start : ends.start() if ends else len(text)])


def told_before(text: str, end: int) -> frozenset[str]:
    """Stems of what is named up to ``end`` in its clause: the subject of a verb that begins there."""
    start = max((match.end() for match in _BEHIND_ENDS.finditer(text, 0, end)), default=0)
    return _stems(text[start:end])


def told_in(text: str) -> frozenset[str]:
    return _stems(text)


def speaks_of_it(
    source: str, what: str, about: frozenset[str], speaks: Callable[[str, str], bool], besides: Iterable[str] = ()
) -> bool:
    """Whether ``source`` ``speaks`` of ``what``, and of all that it is ``about`` beside it. ``besides``: what tools found."""
    if not about:
        return speaks(source, what)
    found = frozenset[str]().union(*map(_around_stems, besides))
    return any(all(_named(each, near | found) for each in about) for near in _beside(source, what, speaks))


@lru_cache(maxsize=512)  # the same sources are read for every candidate of a turn
def _beside(source: str, what: str, speaks: Callable[[str, str], bool]) -> tuple[frozenset[str], ...]:
    """Stems of each sentence that speaks of it, with those of its neighbours."""
    said = [source[at.start : at.end] for at in sentences(source)]
    return tuple(
        _around_stems(" ".join(said[max(at - 1, 0) : at + 2])) for at, each in enumerate(said) if speaks(each, what)
    )


@lru_cache(maxsize=512)
def _around_stems(text: str) -> frozenset[str]:
    return frozenset(stem(word.text) for word in words(text))


def _named(word: str, near: frozenset[str]) -> bool:
    return word in near or any(word in group and group & near for group in _ALIKE)


def _stems(text: str) -> frozenset[str]:
    found = (_WITH_A_VERB.sub("", word.text) for word in words(text) if not word.text.isdigit())
    stems = (stem(word) for word in found if word not in STOP_WORDS)
    return frozenset(each for each in stems if each not in _SAY_LITTLE and len(each) > 1)
