"""A yes that says again what was asked: "yes, please block it" to "Shall I block your card?".

It is as good as a plain yes only if it can't be narrower or other than what was asked, so the rule is strict. Behind the
yes stands the question's own verb, and behind that nothing but the question's own words, in its order, one of them left
out at a time at most; "it" may stand for the thing. Whoever names a figure may correct one, so no figure is an echo. And
a question of several parts, or with a "not" in it, takes a plain yes alone: "yes, block it" may be half of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from agent_core.barge_in import words_of

_LEAVES_OUT = 1
_PARTS = re.compile(r"[,;:]\s")


class Echo(BaseModel):
    """``assent.echo`` of a behaviour, in the words of its language: which words may stand around what is said again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked_by: tuple[str, ...] = Field(min_length=1)  # how a question begins; its verb is the next word
    led_by: tuple[str, ...] = ()  # may stand between the yes and the verb
    stands_in: tuple[str, ...] = ()  # for the thing, or beside it: "it", "my" where the agent said "your", "now"
    parts: tuple[str, ...] = Field(min_length=1)  # with one of them in it a question takes a plain yes alone
    figures: tuple[str, ...] = Field(min_length=1)  # number words, beside what is written in digits


ENGLISH_ECHO = Echo(
    asked_by=("shall i", "should i", "may i", "do you want me to", "would you like me to"),
    led_by=("do", "you can", "you may", "i want you to", "i'd like you to", "i would like you to"),
    stands_in=("it", "that", "this", "them", "my", "your", "the", "a", "an", "now", "please"),
    parts=(
        *("and", "or", "but", "not", "both", "all", "either", "neither", "nor", "without", "only", "except", "instead"),
        *("don't", "no", "then", "also", "plus", "as well", "rather"),
    ),
    figures=(
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty"),
        *("forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "half", "double"),
        *("first", "second", "third"),
    ),
)


def echoes(said: Sequence[str], asked: str, words: Echo) -> bool:
    """``said``: what follows the yes. ``asked``: the line that asked."""
    verb_on = _from_its_verb(asked, words)
    said = _without_lead(said, words.led_by)
    if not verb_on or not said or said[0] != verb_on[0]:
        return False
    if any(word in words.figures or any(map(str.isdigit, word)) for word in said):
        return False
    place = 0
    for word in said:
        if word in words.stands_in:
            continue
        near = [at for at in range(place, min(place + _LEAVES_OUT + 1, len(verb_on))) if verb_on[at] == word]
        if not near:
            return False
        place = near[0] + 1
    return True


def _from_its_verb(asked: str, words: Echo) -> tuple[str, ...]:
    """The last question's words from its verb on, without those that stand for others; empty where an echo says too little."""
    line = words_of(asked)
    if _PARTS.search(asked) or asked.count("?") != 1 or any(_places(line, part) for part in words.parts):
        return ()
    begun = [place for phrase in words.asked_by for place in _places(line, phrase)]
    return tuple(word for word in line[max(begun) :] if word not in words.stands_in) if begun else ()


def _places(line: Sequence[str], phrase: str) -> list[int]:
    """Where the line goes on behind each mention of the phrase."""
    parts = words_of(phrase)
    ends = range(len(parts), len(line) + 1)
    return [end for end in ends if tuple(line[end - len(parts) : end]) == parts]


def _without_lead(said: Sequence[str], leads: Iterable[str]) -> Sequence[str]:
    lengths = [len(words_of(lead)) for lead in leads if tuple(said[: len(words_of(lead))]) == words_of(lead)]
    return said[max(lengths, default=0) :]
