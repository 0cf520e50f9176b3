"""Whether a caller says yes or no to what was just read back to them, and nothing else.

Strict on purpose: a yes with anything beside it ("yes but not that one") is no yes, unless that is the question said
again (``agent_core.echo``). What isn't plainly one of the two is unclear, and approves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from agent_core.barge_in import words_of
from agent_core.echo import ENGLISH_ECHO, Echo, echoes


class Assent(StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def _plain(phrase: str) -> str:
    return " ".join(words_of(phrase))


class AssentWords(BaseModel):
    """The section ``assent`` of a behaviour: what is a yes and what is a no in its language. The defaults are English.

    One of them, or several of the same kind, with or without what is ``polite`` around them; ``fillers`` count for nothing.
    ``echo``: None, and a yes that says the question again is no plain yes; English has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    yes: tuple[str, ...] = Field(
        default=(
            *("yes", "yeah", "yep", "yup", "okay", "ok", "sure", "correct", "exactly", "absolutely", "definitely"),
            *("of course", "go ahead", "do it", "do that", "please do", "yes do", "confirmed"),
            *("that's right", "that's correct", "that's fine", "that's okay", "i do", "i confirm", "i agree"),
            *(
                "that is right",
                "that is correct",
                "that is fine",
                "it is",
                "certainly",
                "alright",
                "all right",
                "go for it",
            ),
        ),
        min_length=1,
    )
    no: tuple[str, ...] = Field(
        default=(
            *("no", "nope", "nah", "don't", "do not", "don't do it", "don't do that", "stop", "wait", "cancel"),
            *("cancel it", "cancel that", "never mind", "not now", "not that one", "it isn't", "that's wrong"),
            *("that's not right", "leave it", "i changed my mind", "i don't want that", "i don't want to"),
            *("absolutely not", "definitely not", "certainly not", "of course not", "not really", "i'd rather not"),
        ),
        min_length=1,
    )
    polite: tuple[str, ...] = ("please", "thanks", "thank you", "thank you very much")
    fillers: tuple[str, ...] = ("um", "uh", "er", "erm", "hm", "mm", "well", "oh", "ah")
    echo: Echo | None = None

    @model_serializer(mode="wrap")
    def _as_before_where_nothing_is_said_again(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Behaviours that were recorded before there was an echo keep their content hash."""
        return {name: value for name, value in as_ever(self).items() if name != "echo" or value is not None}

    @model_validator(mode="after")
    def _told_apart(self) -> AssentWords:
        for phrase in (*self.yes, *self.no, *self.polite, *self.fillers):
            if not _plain(phrase):
                raise ValueError(f"{phrase!r} has no word in it")
        if both := sorted({*map(_plain, self.yes)} & {*map(_plain, self.no)}):
            raise ValueError(f"both yes and no: {', '.join(map(repr, both))}")
        return self


ENGLISH = AssentWords(echo=ENGLISH_ECHO)


def assent(text: str, said_as: AssentWords = ENGLISH, asked: str = "") -> Assent:
    """``asked``: the line that this answers, where it is one that may be said again."""
    patterns = _patterns(said_as)
    said = " ".join(word for word in words_of(text) if word not in patterns.fillers)
    if patterns.yes.fullmatch(said):
        return Assent.YES
    if patterns.no.fullmatch(said):
        # "Cancel it" to "Shall I cancel your contract?" may be either.
        again = said_as.echo and echoes(said.split(), asked, said_as.echo)
        return Assent.UNCLEAR if again else Assent.NO
    more = patterns.yes_and_more.fullmatch(said)
    if more and said_as.echo and echoes(more["more"].split(), asked, said_as.echo):
        return Assent.YES
    return Assent.UNCLEAR


def denies(text: str, said_as: AssentWords = ENGLISH) -> bool:
    """Whether a no stands in it, whatever stands beside: "no, not my debit card"."""
    return _patterns(said_as).some_no.search(" ".join(words_of(text))) is not None


class _Patterns(NamedTuple):
    yes: re.Pattern[str]
    no: re.Pattern[str]
    some_no: re.Pattern[str]
    yes_and_more: re.Pattern[str]
    fillers: frozenset[str]


@lru_cache(maxsize=64)
def _patterns(said_as: AssentWords) -> _Patterns:
    yes, no = _only(said_as.yes, said_as.polite), _only(said_as.no, said_as.polite)
    around = f"(?: (?:{_either((*said_as.yes, *said_as.polite))}))*"
    yes_and_more = f"{yes} (?P<more>.+?){around}"
    fillers = frozenset(map(_plain, said_as.fillers))
    some_no = re.compile(rf"(?<!\S)(?:{_either(said_as.no)})(?!\S)")
    return _Patterns(re.compile(yes), re.compile(no), some_no, re.compile(yes_and_more), fillers)


def _only(phrases: tuple[str, ...], polite: tuple[str, ...]) -> str:
    """Nothing but these, said once or several times, with or without politeness around them."""
    before = f"(?:(?:{_either(polite)}) )*" if polite else ""
    return f"{before}(?:{_either(phrases)})(?: (?:{_either((*phrases, *polite))}))*"


def _either(phrases: Iterable[str]) -> str:
    return "|".join(re.escape(_plain(phrase)) for phrase in phrases)
