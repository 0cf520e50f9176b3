"""Promises in what an agent says: what the company, by its agent, binds itself to do for the caller."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent_core.guardrails._text import any_of
from agent_core.guardrails.base import Span


class Promise(NamedTuple):
    """``what``: a key of ``_KINDS``."""

    what: str
    span: Span


_WE_WILL = (
    r"(?:i|we|the bank|harbour|my colleagues?|they)(?: will|'ll| can| are going to|'re going to| am going to|'m going to)"
    r"(?: \w+ly| also| then| just| of course)?"
)
_YOU_WILL = r"you(?: will|'ll| would|'d| can| are going to|'re going to)(?: \w+ly| also| then)?"
_KINDS = {
    "refund": any_of(
        [
            rf"{_WE_WILL} (?:refund|reimburse|repay|pay (?:you|it|that|the \w+) back|return (?:your|the) money|give you (?:your|the) money back)",
            rf"{_YOU_WILL} (?:get|receive|have|be given)(?: \w+){{0,3}} (?:refund|money back|reimbursement)",
            rf"{_YOU_WILL} be (?:refunded|reimbursed|repaid)",
        ]
    ),
    "waiver": any_of(
        [
            rf"{_WE_WILL} (?:waive|write off|drop|remove|cancel|reverse|forgive)(?: \w+){{0,4}} (?:fees?|charges?|interest|costs?|debts?|it|that)",
            r"(?:the )?(?:fee|charge|cost)s? (?:will|is going to|'ll) be (?:waived|written off|dropped|removed|cancelled|reversed)",
        ]
    ),
    "compensation": any_of(
        [
            rf"{_WE_WILL} (?:compensate|make it up to|credit|pay you|give you (?:a |some )?(?:credit|compensation|voucher|bonus|goodwill))",
            rf"{_YOU_WILL} (?:get|receive|have|be given)(?: \w+){{0,3}} (?:compensation|credit|voucher|bonus|goodwill)",
        ]
    ),
    "assurance": any_of(
        [
            r"(?:i|we)(?: can| do| will|'ll)?(?: \w+ly)? (?:promise|guarantee|swear|assure you)",
            r"you(?:'ve| have)(?: got)? (?:my|our) word",
            r"(?:i|we)(?: will|'ll)(?: \w+ly)? (?:make sure|see to it|ensure)",
            r"(?:that|it|this) (?:won't|will not|will never) happen again",
        ]
    ),
}
_SPEAKS_OF = {
    "refund": re.compile(
        r"refund|reimburs|repa(?:y|id)|(?:money|pay|paid|get|amounts?)(?: \w+){0,3} back", re.IGNORECASE
    ),
    "waiver": re.compile(r"waiv|writ\w+ off|free of charge|no (?:fee|charge)|cancel|revers|remov", re.IGNORECASE),
    "compensation": re.compile(r"compensat|credit|goodwill|voucher|bonus", re.IGNORECASE),
    "assurance": re.compile(r"promis|guarantee|assur|make sure|ensur", re.IGNORECASE),
}
_DENIED = re.compile(
    r"(?:n['’]?t|\bcannot|\bnot|\bnobody|\bno one|\bnever|\bunable|\bwhether|\bif)(?: \w+){0,3}\s*$", re.IGNORECASE
)


def promises(text: str) -> list[Promise]:
    """Those that aren't denied ("I can't promise"), in no particular order."""
    return [
        Promise(what, Span(match.start(), match.end()))
        for what, pattern in _KINDS.items()
        for match in pattern.finditer(text)
        if not _DENIED.search(text[: match.start()])
    ]


def speaks_of(text: str, what: str) -> bool:
    """Whether a source speaks of this kind of promise at all."""
    return _SPEAKS_OF[what].search(text) is not None
