"""Days and times that are named and not numbered: "Friday", "next Tuesday", "tomorrow", "noon", "next week", "in April", "at
Christmas", "the end of the month"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from agent_core.guardrails.base import Span

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_DAY = "|".join(WEEK)
_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_PERIOD = "morning|afternoon|evening|hour|day|week|weekend|month|quarter|year"
_NAMED = re.compile(
    rf"\b(?:(?P<which>next|last|coming|following)\s+)?(?P<weekday>{_DAY})s?\b"
    rf"|\b(?:in|by|until|till|from|since|before|after|next|this|last)\s+(?P<month>{_MONTH})\b(?!\s+\d)"
    r"|\b(?P<feast>christmas|easter|new year|boxing day|bank holidays?)\b"
    r"|\b(?:(?:the )?day (?:after tomorrow|before yesterday)|tomorrow|yesterday|tonight|overnight|midnight|fortnight)\b"
    r"|\b(?P<noon>noon|midday|lunchtime)\b"
    rf"|\b(?:(?:next|this|last|coming|following) (?:{_PERIOD})|(?:the )?(?:end|beginning|start|middle) of (?:the |this |next )?(?:{_PERIOD})"
    rf"|(?:within|by|before) (?:the|this) (?:{_PERIOD}))\b"
    r"|\b(?P<weekend>weekend)s?\b"
    r"|\b(?P<today>today)\b",
    re.IGNORECASE,
)
_MONTH_NAME = re.compile(rf"\b(?:{_MONTH})\b", re.IGNORECASE)
_RANGE = re.compile(rf"\b({_DAY})s?\s*(?:to|through|until|till|[-–])\s*({_DAY})s?\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
# "How can I help you today?" and "thank you for calling today" say when nothing happens.
_OF_THIS_CALL = re.compile(
    r"\b(?:help|assist|calling|your call|contacting|thank|speak|talk|chat|do for you)", re.IGNORECASE
)


class NamedDay(NamedTuple):
    """``name``: in small letters, without an article; "today" of a call itself is none."""

    name: str
    span: Span


@lru_cache(maxsize=512)  # the same sources are read for every candidate of a turn
def named_days(text: str) -> tuple[NamedDay, ...]:
    """In order. "Monday to Friday" names these two alone."""
    found = []
    for match in _NAMED.finditer(text):
        if match["today"] and _OF_THIS_CALL.search(_sentence_around(text, match)):
            continue
        found.append(NamedDay(_name(match), Span(match.start(), match.end())))
    return tuple(found)


@lru_cache(maxsize=512)
def grounds(text: str) -> frozenset[str]:
    """Names of all days that a source speaks of: those between "Monday" and "Friday" too, and months that are part of a
    date. "Next Tuesday" is grounded by these words alone, and grounds any Tuesday."""
    between = (_days_from(first.lower(), last.lower()) for first, last in _RANGE.findall(text))
    own = frozenset(day.name for day in named_days(text))
    days = frozenset(name.rpartition(" ")[2] for name in own) & frozenset(WEEK)
    months = frozenset(month.lower() for month in _MONTH_NAME.findall(text))
    return (own | days | months).union(*between)


def _name(match: re.Match[str]) -> str:
    if match["weekday"]:
        return " ".join(filter(None, (match["which"], match["weekday"]))).lower()
    if match["month"] or match["feast"]:
        return (match["month"] or match["feast"]).lower()
    if match["noon"]:
        return "noon"
    if match["weekend"]:
        return "weekend"
    return match[0].lower().removeprefix("the ")


def _days_from(first: str, last: str) -> frozenset[str]:
    begin, days = WEEK.index(first), (WEEK.index(last) - WEEK.index(first)) % len(WEEK)
    return frozenset(WEEK[(begin + day) % len(WEEK)] for day in range(days + 1))


def _sentence_around(text: str, match: re.Match[str]) -> str:
    begin = max((end.end() for end in _SENTENCE_END.finditer(text, 0, match.start())), default=0)
    end = _SENTENCE_END.search(text, match.end())
    return text[begin : end.end() if end else len(text)]
