"""Which voice of the caller stops the agent, as behaviour has it, and the rule for what is only a backchannel.

A *backchannel* is what a listener says to be followed, not to be answered: a few words of a list, said over the agent. It
neither stops the agent nor opens a turn. Other words stop it at once, and so does any voice that goes on.

A *filler* ("uh") says that somebody thinks. Alone it is a pause that can be heard: nothing to answer, and no word to stop for.
Who breaks off at an *unfinished* word ("I want to") thinks too, and has said something that is owed an answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

_DRAWN_OUT = re.compile(r"(.)\1+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class BargeIn(BaseModel):
    """The section ``barge_in`` of a behaviour, in the words of its language. A behaviour without it yields to any voice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backchannels: tuple[str, ...] = Field(min_length=1)
    answers: tuple[str, ...] = ()  # those of them that answer a question: none of them is one while the agent asks
    fillers: tuple[str, ...] = ()  # single words; without them "uh" is answered as other words are
    unfinished: tuple[str, ...] = ()  # words with which nobody ends; without them "I want to" is answered as it stands
    most_words: int = Field(default=4, ge=1)
    yield_after_ms: int = Field(default=500, ge=100)  # of voice, while no word of it is known
    backchannel_ms: int = Field(default=1200, ge=100)  # of voice without a pause: what lasts longer stops the agent
    resume_after_ms: int = Field(default=2000, ge=500)  # of quiet with no words, after which a stopped reply goes on

    @model_serializer(mode="wrap")
    def _as_before_where_none_is_named(self, as_ever: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Behaviours that were recorded before there were fillers, or unfinished words, keep their content hash."""
        return {name: value for name, value in as_ever(self).items() if name not in ("fillers", "unfinished") or value}

    @model_validator(mode="after")
    def _fits(self) -> BargeIn:
        if self.yield_after_ms > self.backchannel_ms:
            raise ValueError("yield_after_ms must not be more than backchannel_ms")
        if strange := sorted(set(self.answers) - set(self.backchannels)):
            raise ValueError(f"answers names what is no backchannel: {', '.join(map(repr, strange))}")
        for phrase in self.backchannels:
            if not 1 <= len(words_of(phrase)) <= self.most_words:
                raise ValueError(f"the backchannel {phrase!r} must have 1 to {self.most_words} words (most_words)")
        for filler in self.fillers:
            if len(words_of(filler)) != 1:
                raise ValueError(f"the filler {filler!r} must be one word")
        if both := sorted(filler for filler in self.fillers if hesitates(filler, self.answers)):
            raise ValueError(f"both fillers and answers: {', '.join(map(repr, both))}")
        if wordless := [phrase for phrase in self.unfinished if not words_of(phrase)]:
            raise ValueError(f"unfinished names what has no word: {', '.join(map(repr, wordless))}")
        if whole := [phrase for phrase in self.backchannels if breaks_off(phrase, self.unfinished)]:
            raise ValueError(f"ends unfinished, and is a backchannel: {', '.join(map(repr, whole))}")
        return self


def words_of(text: str) -> tuple[str, ...]:
    """Words in lower case with straight apostrophes. A hyphen parts words, so that "uh-huh" is "uh huh". An accent is part of
    its letter, whether recogniser and behaviour write the two as one character or as two."""
    composed = unicodedata.normalize("NFC", text)
    return tuple(word.lower().replace("’", "'") for word in _WORD.findall(composed))


def is_made_of(text: str, phrases: Sequence[str], most_words: int) -> bool:
    """Whether ``text`` is nothing but some of ``phrases``, one after the other, and not more than ``most_words``."""
    words = words_of(text)
    if not 1 <= len(words) <= most_words:
        return False
    known = [words_of(phrase) for phrase in phrases]
    reached = {0}
    for place in range(len(words)):
        if place in reached:
            reached |= {place + len(phrase) for phrase in known if words[place : place + len(phrase)] == phrase}
    return len(words) in reached


def may_become(text: str, phrases: Sequence[str], most_words: int) -> bool:
    """Whether ``text`` breaks off within one of ``phrases``, as "got" does of "got it": one more word may make it one."""
    words = words_of(text)
    for begun in range(1, len(words) + 1):
        last = words[-begun:]
        unfinished = any(len(whole) > begun and whole[:begun] == last for whole in map(words_of, phrases))
        before = " ".join(words[:-begun])
        if unfinished and (not before or is_made_of(before, phrases, most_words - begun)):
            return len(words) < most_words
    return False


def hesitates(text: str, fillers: Sequence[str]) -> bool:
    """Whether ``text`` is nothing but ``fillers``, however many and however long drawn out ("uhhh" is "uh")."""
    known = {_short(word) for filler in fillers for word in words_of(filler)}
    words = words_of(text)
    return bool(words) and all(_short(word) in known for word in words)


def breaks_off(text: str, unfinished: Sequence[str]) -> bool:
    """Whether ``text`` ends with one of ``unfinished``, and asks nothing: "I want to", not "Who do I talk to?"."""
    words = words_of(text)
    return not asks(text) and any(end and words[-len(end) :] == end for end in map(words_of, unfinished))


def _short(word: str) -> str:
    return _DRAWN_OUT.sub(r"\1", word)


def asks(text: str) -> bool:
    """Whether a line that the agent says asks something."""
    return "?" in text or "？" in text
