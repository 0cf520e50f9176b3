"""Deeds that an agent claims: "I've booked you in", "your card has been blocked", "that's all done".

A model that changes nothing itself says so readily. What was done stands in what a tool answered, and in the approved
words for it; a deed that none of them names, by one of the words for it, was not done.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent_core.guardrails._text import any_of
from agent_core.guardrails.base import Span


class Deed(NamedTuple):
    """``what``: a key of ``_NAMED_BY``."""

    what: str
    span: Span


_DONE_AS = {  # each: words for one thing that may be done
    "block": "blocked frozen stopped locked deactivated disabled suspended",
    "unblock": "unblocked unfrozen unlocked activated reactivated enabled lifted",
    "cancel": "cancelled canceled terminated",
    "end": "closed deleted removed taken",
    "book": "booked rebooked arranged rearranged scheduled rescheduled reserved",
    "order": "ordered reordered requested issued reissued replaced",
    "send": "sent resent posted dispatched emailed mailed texted",
    "change": "changed moved updated amended corrected adjusted switched upgraded downgraded reset",
    "amount": "increased raised lowered reduced extended",
    "money": "transferred paid repaid credited debited topped",
    "register": "registered enrolled added submitted filed logged lodged processed noted recorded",
    "renew": "renewed refilled",
    "tell": "notified alerted forwarded escalated",
    "all": "done sorted completed",
}
_NAMED_BY = {
    what: re.compile(rf"\b(?:{'|'.join(words.split())}{'|on (?:its|the|their) way' if what == 'send' else ''})\b", re.I)
    for what, words in _DONE_AS.items()
}
DEEDS = frozenset(_NAMED_BY)
_HOW = r"(?: just| already| now| also| gone ahead and| \w+ly)*"
_ANY = "|".join(word for words in _DONE_AS.values() for word in words.split())
_WHOSE = r"(?:your|the|it|that|this|everything)(?: (?!(?:will|would|should|might|may|must|could|not)\b)\w+){0,3}?"
_CLAIMED = any_of(
    [
        rf"(?:i|we)(?:'ve| have)?{_HOW} (?:{_ANY})",
        rf"{_WHOSE}(?:'s| has| have){_HOW} been{_HOW} (?:{_ANY})",
        rf"{_WHOSE}(?:'s| is| are)(?: now| already| all| just){_HOW} (?:{_ANY})",
        rf"you(?:'re| are)(?: now| already| all)*{_HOW} (?:booked|registered|enrolled)",
        r"(?:that|it|everything)(?:'s| is)(?: all)? (?:done|sorted)",
        r"all (?:done|sorted)",
    ]
)
_ONLY_SUPPOSED = re.compile(
    r"\b(?:if|once|when|whenever|after|until|unless|whether|soon as|before|how|what|where|why|sorry|hear|say|says|said|told|"
    r"not|n['’]?t|never|nobody|will|['’]ll|would|should|might|may|must|could)\b[^.,;:!?]*$",
    re.IGNORECASE,
)


def deeds(text: str) -> list[Deed]:
    """Those that are claimed as done, not supposed ("once it has been sent") or denied."""
    return [
        Deed(what, Span(match.start(), match.end()))
        for match in _CLAIMED.finditer(text)
        if not _ONLY_SUPPOSED.search(text[: match.start()])
        for what in _DONE_AS
        if _NAMED_BY[what].search(match[0])
    ]


def names_deed(text: str, what: str) -> bool:
    """Whether a source names such a deed as done, by whatever word."""
    return _NAMED_BY[what].search(text) is not None
