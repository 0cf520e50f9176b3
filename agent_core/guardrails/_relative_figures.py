"""Figures that are said beside another, or loosely: "twice as much", "half the price", "a third of it", "a couple of hours".

They state something, so a source must. A multiple or a share is grounded by the same one, in whatever words; a loose
amount ("a few days") by an amount of the same unit that it may stand for. What is loose about the call itself ("a couple of
minutes") or lies behind the caller ("a few days ago") states nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from agent_core.guardrails._numbers import Figure, figures
from agent_core.guardrails._text import any_of
from agent_core.guardrails.base import Span


class Ratio(NamedTuple):
    """``times``: 0.5 for half, 2 for twice."""

    times: float
    span: Span


_SHARES = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4}
_BESIDE = r"(?:as|of(?! an? hour)|the|that|your|what|this)"
_TO_THE_END = (
    r"(?! (?:past|an?|\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b)"  # "by half eight"
)
_RATIOS = (
    (2.0, any_of([rf"twice {_BESIDE}", rf"double {_BESIDE}", r"(?:is|are|be|gets?|it's|at) (?:double|doubled)", r"doubles"])),
    (3.0, any_of([rf"(?:three times(?! that)|triple|treble) {_BESIDE}", r"(?:is|are|be|gets?) (?:tripled|trebled)", r"(?:triples|trebles)"])),
    (0.5, any_of([r"half (?:as|of (?:the|your|it|that|this)|the(?! (?:day|time|way|battle))|that|your|price|off)",
                  rf"(?:by|to) half{_TO_THE_END}", rf"(?:is|are|was|be|been|gets?)(?: \w+)? in half{_TO_THE_END}", r"(?:is|are|be|gets?) halved", r"halves"])),
)  # fmt: skip
_SHARE = any_of(
    [
        r"(?P<count>a|one|two|three|four) (?P<share>third|quarter|fifth|tenth)s? (?:of(?! an? hour)|off|less|more|as)",
        r"by (?P<by>a|one|two|three) (?P<part>third|quarter|fifth|tenth)s?(?! (?:past|to))",
    ]
)
_LOOSE = any_of([r"(?P<how>(?:a )?couple of|a few|several|some|a dozen|dozens of) (?:hundred |thousand )?(?P<unit>pounds?|quid|euros?|dollars?|pence|percent|hours?|days?|working days|weeks?|months?|years?)"])  # fmt: skip
_BEHIND = re.compile(r"\b(?:last|past|previous|these)\s+$", re.IGNORECASE)
_AGO = re.compile(r"\s+(?:ago|back|earlier)\b", re.IGNORECASE)
_MAY_BE = {"couple of": (1.5, 3.0), "a couple of": (1.5, 3.0), "a dozen": (10.0, 14.0)}
_FEW = (2.0, 10.0)
_MANY = (2.0, 1000.0)


@lru_cache(maxsize=512)  # the same sources are read for every candidate of a turn
def ratios(text: str) -> tuple[Ratio, ...]:
    """Multiples and shares, in no particular order. "Half past nine", "in half an hour", "two and a half"
    and a card that is cut in half are none."""
    found = [Ratio(times, Span(*match.span())) for times, pattern in _RATIOS for match in pattern.finditer(text)]
    for match in _SHARE.finditer(text):
        count, share = (match["count"] or match["by"]).lower(), (match["share"] or match["part"]).lower()
        found.append(Ratio(_COUNTS[count] / _SHARES[share], Span(*match.span())))
    return tuple(found)


def ungrounded(text: str, known: tuple[str, ...]) -> tuple[Span, ...]:
    """Where a text says a multiple, a share or a loose amount that no known text bears out."""
    stated = [figure for source in known for figure in figures(source)]
    shares = {ratio.times for source in known for ratio in ratios(source)}
    shares |= {figure.value / 100 for figure in stated if figure.unit == "percent"}
    lone = [ratio.span for ratio in ratios(text) if not any(abs(ratio.times - share) < 1e-6 for share in shares)]
    said = {match[0].lower() for source in known for match in _LOOSE.finditer(source)}
    loose = [
        Span(*match.span())
        for match in _LOOSE.finditer(text)
        if match[0].lower() not in said
        and not _BEHIND.search(text, 0, match.start())
        and not _AGO.match(text, match.end())
        and not any(_may_stand_for(match, figure) for figure in stated)
    ]
    return (*lone, *loose)


def _may_stand_for(loose: re.Match[str], figure: Figure) -> bool:
    how, unit = " ".join(loose["how"].lower().split()), loose["unit"].lower()
    least, most = _MAY_BE.get(how, _MANY if how in {"some", "dozens of"} else _FEW)
    named = figures(f"two {unit}")[0].unit
    days = {"day", "working_day"}
    return least <= figure.value <= most and (figure.unit == named or {figure.unit, named} == days)
