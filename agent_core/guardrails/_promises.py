"""Promises in what an agent says: what the company, by its agent, binds itself to do for the caller."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent_core.guardrails._objects import told_ahead, told_before, told_in
from agent_core.guardrails._text import any_of
from agent_core.guardrails.base import Span


class Promise(NamedTuple):
    """``what``: a key of ``_KINDS``. ``about``: stems of what it is promised for, where that is named."""

    what: str
    span: Span
    about: frozenset[str]


_WE_WILL = (
    r"(?:i|we|the bank|harbour|my colleagues?|they)(?: will|'ll| can| are going to|'re going to| am going to|'m going to)"
    r"(?: \w+ly| also| then| just| of course)?"
)
_WE_HAVE = r"(?:i|we|the bank|my colleagues?)(?:'ve| have| has)(?: \w+ly| already| now| just| also)?"
_YOU_WILL = r"you(?: will|'ll| would|'d| can| are going to|'re going to)(?: \w+ly| also| then)?"
_KINDS = {
    "refund": any_of(
        [
            rf"{_WE_WILL} (?:refund|reimburse|repay|pay (?:you|it|that|the \w+) back|return (?:your|the) money|give you (?:your|the) money back)",
            rf"{_WE_HAVE} (?:refunded|reimbursed|repaid|paid (?:you|it|that|the \w+) back|returned (?:your|the) money)",
            rf"{_YOU_WILL} (?:get|receive|have|be given)(?: \w+){{0,3}} (?:refund|money back|reimbursement)",
            rf"{_YOU_WILL} be (?:refunded|reimbursed|repaid)",
        ]
    ),
    "waiver": any_of(
        [
            rf"{_WE_WILL} (?:waive|write off|drop|remove|cancel|reverse|forgive)(?: \w+){{0,4}} (?:fees?|charges?|interest|costs?|debts?|loans?|it|that)",
            rf"{_WE_HAVE} (?:waived|written off|dropped|removed|cancelled|reversed|forgiven)(?: \w+){{0,4}} (?:fees?|charges?|interest|costs?|debts?)",
            r"(?:fee|charge|cost|debt)s?(?: will be| is going to be|'ll be| is| are| was| were| has been| have been|'s been)"
            r" (?:waived|written off|dropped|removed|cancelled|reversed|forgiven)",
        ]
    ),
    "no_charge": any_of(
        [
            r"(?:we|the bank)(?: will|'ll)? (?:never|don't|do not|won't|will not) charge",
            r"you(?:'ll| will)? (?:never|won't|will not|don't|do not) (?:be charged|have to pay|pay)",
            r"(?:free of charge|for free|at no(?: extra| additional)? (?:cost|charge)|(?:no|without(?: an?y?)?) (?:fee|charge)s?)",
            r"(?:is|are|it's|that's|they're)(?: \w+ly)? free(?! (?:on|at|to|from|in|between|next|this|all|and|today|tomorrow))",
        ]
    ),
    "compensation": any_of(
        [
            rf"{_WE_WILL} (?:compensate|make it up to|credit|pay you|give you (?:a |some )?(?:credit|compensation|voucher|bonus|goodwill))",
            rf"{_WE_HAVE} (?:compensated|credited|given you (?:a |some )?(?:credit|compensation|voucher|bonus|goodwill))",
            rf"{_YOU_WILL} (?:get|receive|have|be given)(?: \w+){{0,3}} (?:compensation|credit|voucher|bonus|goodwill)",
        ]
    ),
    "approval": any_of(
        [
            rf"{_YOU_WILL} (?:be (?:approved|accepted)|get (?:the|your|this|that) (?:loan|mortgage|overdraft|credit|increase))",
            r"you(?:'re| are|'ve been| have been) (?:approved|accepted)",
            r"(?:application|loan|mortgage|request|claim)(?: will be|'ll be| is going to be| is| has been|'s been)"
            r" (?:approved|accepted|granted|successful)",
        ]
    ),
    "assurance": any_of(
        [
            r"(?:i|we)(?: can| do| will|'ll)?(?: \w+ly)? (?:promise|guarantee|swear|assure you)",
            r"you(?:'ve| have)(?: got)? (?:my|our) word",
            r"(?:i|we)(?: will|'ll)(?: \w+ly)? (?:make sure|see to it|ensure)",
            r"(?:that|it|this) (?:won't|will not|will never) happen again",
            r"(?:guaranteed to|(?:is|are|it's|that's|you're|comes?) guaranteed|rest assured)",
            r"(?:will|'ll) (?:definitely|certainly|surely)",
            r"(?:you|it|they|we|that) (?:definitely|certainly|surely) (?:will|gets?)",
        ]
    ),
}
_SPEAKS_OF = {
    "refund": re.compile(
        r"refund|reimburs|repa(?:y|id)|(?:money|pay|paid|get|amounts?)(?: \w+){0,3} back", re.IGNORECASE
    ),
    "waiver": re.compile(r"waiv|writ\w+ off|free of charge|no (?:fee|charge)|cancel|revers|remov", re.IGNORECASE),
    "no_charge": re.compile(
        r"\bfree\b|\bno (?:fee|charge|cost)|(?:not|n['’]t|never) (?:be )?(?:charge|pay)|nothing|without (?:an?y? )?(?:fee|charge|cost)",
        re.IGNORECASE,
    ),
    "compensation": re.compile(r"compensat|credit|goodwill|voucher|bonus", re.IGNORECASE),
    "approval": re.compile(r"approv|accept|grant|successful", re.IGNORECASE),
    "assurance": re.compile(r"promis|guarantee|assur|make sure|ensur|definite|certain|sure\b", re.IGNORECASE),
}
_OF_SOMETHING = frozenset({"refund", "waiver", "no_charge", "compensation"})
_OF_A_SUBJECT = frozenset({"waiver", "no_charge"})  # "the card is free", "your fee is waived"
_PROMISING = re.compile(  # the words of the promise itself, which say nothing of what it is for
    r"\b(?:refund\w*|reimburs\w*|repa(?:y|id)\w*|waiv\w*|drop\w*|remov\w*|cancel\w*|revers\w*|forgiv\w*|writ\w+ off|return\w*|"
    r"compensat\w*|credit(?:ed|s)?|goodwill|vouchers?|bonus|make|made|mak\w+ it up|gets?|give\w*|receive\w*|going|free|"
    r"charged?|additional|must|didn|don|doesn|won)\b",
    re.IGNORECASE,
)
_NOT = r"(?:ca|wo|do|does|did|is|are|was|were|would|could|should|have|has|had|must|need)n['’]?t"
_DENIED = re.compile(
    rf"\b(?:{_NOT}|cannot|not|nobody|no one|never|unable|whether|if)(?: \w+){{0,3}}\s*$", re.IGNORECASE
)


def promises(text: str) -> list[Promise]:
    """Those that aren't denied ("I can't promise"), in no particular order."""
    return [
        Promise(what, Span(match.start(), match.end()), _about(text, what, match))
        for what, pattern in _KINDS.items()
        for match in pattern.finditer(text)
        if not _DENIED.search(text[: match.start()])
    ]


def _about(text: str, what: str, match: re.Match[str]) -> frozenset[str]:
    if what not in _OF_SOMETHING:
        return frozenset()
    named = told_in(_PROMISING.sub(" ", match[0])) | told_ahead(text[match.end() :].removeprefix(" of charge"), 0)
    return named | told_before(text, match.start()) if what in _OF_A_SUBJECT else named


def speaks_of(text: str, what: str) -> bool:
    """Whether a source speaks of this kind of promise at all."""
    return _SPEAKS_OF[what].search(text) is not None
