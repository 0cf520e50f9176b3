"""What an agent says will be done: "I'll send you the form today", "someone will call you back within the hour".

A model says so as readily as it claims a deed, and no tool did or planned it. An undertaking stands where a source, the
approved wording or what a tool answered speaks of the same being done by the company; what the caller may do themselves
("call us", "order one in the app") is no such source. Offers, questions and conditions ("I'll block it once you've
confirmed") bind nobody yet, and what is done by the call itself ("I'll check that", "I'll pass you on to a colleague") isn't
meant. Word that is promised ("we'll get back to you") is grounded by a reply in whatever form, a call by a call alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from agent_core.guardrails._deeds import DEEDS, names_deed
from agent_core.guardrails._objects import told_ahead, told_in
from agent_core.guardrails._text import any_of, sentences
from agent_core.guardrails.base import Span


class Undertaking(NamedTuple):
    """``what``: a key of ``_DO`` or ``RECEIVED``. ``about``: stems of what it is done to, where that is named."""

    what: str
    span: Span
    about: frozenset[str] = frozenset()


RECEIVED = "received"  # the caller gets word of it

_THEIRS = r"(?:you|your|it|that|this|these|those|them|him|her|the|an?|another|all|everything)"
_STAFF = (
    r"(?:colleagues?|team|engineers?|advis[eo]rs?|managers?|specialists?|departments?|technicians?|agents?|handlers?)"
)
_US = (
    r"(?:i|we|they|the bank|(?:somebody|someone|(?:an?|one of|my|our|the|another)(?: \w+){0,3}? "
    rf"{_STAFF})(?: (?:from|in|at|on) (?:the|our|my) \w+(?: \w+)?)?)"
)
_HOW = r"(?: (?!not\b|never\b)(?:just|also|then|now|personally|gladly|happily|immediately|straight away|right away|of course|\w+ly))*"
_WILL = rf"(?: will|'ll| shall|(?:'m|'re|'s| am| are| is) going to){_HOW}"
_AM = rf"(?:'m|'re|'s| am| are| is){_HOW}"
_DO = {  # each: words for one thing that is done, with what tells them from other uses
    "send": rf"(?:send|post|mail|e(?:[- ])?mail|text|dispatch|ship)(?: out)? {_THEIRS}",
    "call": r"(?:call|ring|phone|text|message) you(?! (?-i:[A-Z]))|(?:call|ring|phone) back",
    "reply": r"contact you|(?:get|come) back|(?:be|get) in touch|reach out|"
    r"let you know (?:when|once|as soon|by|within|today|tomorrow|the (?:outcome|result|decision))",
    "visit": r"(?:visit|send (?:somebody|someone)|come (?:out|round|over|by)|be with you (?:on|by|at|tomorrow|between|today|this|next))",
    "block": rf"(?:block|freeze|lock|stop|deactivate|disable|suspend) (?:{_THEIRS})",
    "unblock": rf"(?:unblock|unfreeze|unlock|activate|reactivate|lift) (?:{_THEIRS})",
    "cancel": rf"(?:cancel|terminate|stop) {_THEIRS}",
    "end": r"(?:close|delete|remove) (?!\w+ (?:call|line|conversation)\b)(?:your|it|that|this|the)|take (?:(?:it|that|this|the|your)(?: \w+){0,2} )off",
    "book": rf"(?:book|rebook|arrange|rearrange|schedule|reschedule|reserve|organi[sz]e|set up) {_THEIRS}",
    "order": rf"(?:order|reorder|request|issue|reissue|replace) {_THEIRS}",
    "change": r"(?:change|update|amend|correct|adjust|switch|upgrade|downgrade|reset|move) (?:your|it|that|this|the \w+ (?:to|on|for|from|date))",
    "amount": r"(?:increase|raise|lower|reduce|extend) (?:your|it|that|the)",
    "money": r"(?:transfer|pay|repay|credit|debit|top up) (?:your|it|that|this|the (?:money|amount|difference|sum))",
    "register": r"(?:register|enrol|submit|file|log|lodge|process|record|note) (?:you|your|it|that|this|the|an?)|"
    r"raise (?:it|that|this|an?)|(?:add|put|make|leave) (?:a|this|that|it|your)(?: \w+){0,2} (?:note|(?:to|on) (?:your|the) (?:account|file|record)s?)",
    "renew": r"(?:renew|refill) (?:your|it|that|the)",
    "tell": r"(?:forward|escalate) (?:your|it|that|this|the)|pass (?:it|that|this|your \w+|the \w+)(?: \w+){0,2} (?:on|over|along|to)|"
    rf"(?:notify|alert|inform|tell|ask|chase) (?:the|my|our|an?|one of) (?:\w+ ){{0,3}}?{_STAFF}",
    "all": r"(?:sort|fix|resolve) (?:it|that|this|everything|your)|(?:have|get) (?:it|that|this|everything) (?:all )?(?:sorted|fixed|done|resolved)|"
    r"take care of (?:it|that|this|everything|your)|see to (?:it|that|this)",
}
_DOING = {
    "send": rf"(?:sending|posting|mailing|e(?:[- ])?mailing|texting|dispatching) {_THEIRS}",
    "block": r"(?:blocking|freezing|locking) (?:your|it|that|the)",
    "cancel": r"cancelling (?:your|it|that|the)",
    "book": rf"(?:booking|arranging|scheduling) {_THEIRS}",
    "order": rf"(?:ordering|requesting|issuing|replacing) {_THEIRS}",
    "change": r"(?:changing|updating|amending|correcting|switching|resetting) (?:your|it|that|the)",
    "register": r"(?:registering|submitting|logging|raising) (?:your|it|that|this|an?)|(?:putting|adding|making) a(?: \w+)? note",
    "tell": r"(?:forwarding|escalating) (?:your|it|that|this)|passing (?:it|that|this|your \w+) (?:on|to)",
}
_BE_DONE = {  # "you'll be contacted", "your card will be sent"
    "send": "sent|posted|emailed|e-mailed|texted|dispatched",
    "call": "called|phoned|rung",
    "reply": "contacted",
    "block": "blocked|frozen|locked",
    "cancel": "cancelled|terminated",
    "book": "booked|arranged|scheduled",
    "money": "credited|repaid",
    "register": "registered|logged|processed",
    "tell": "notified|informed|alerted",
}
_TO_SOMETHING = frozenset({"send", "block", "unblock", "cancel", "end", "book", "order", "money", "renew"})
_THEIRS_LED = re.compile(r"your\s+(.+?)(?:\s+(?:will|is|are)\b|['’]ll\b)", re.IGNORECASE)
_WORD_OF_IT = r"(?:letter|text|e(?:[- ])?mail|message|confirmation|call(?: ?back)?|link|form|reply|reminder|parcel|visit|cheque|certificate|document|payment)s?"
_YOU_WILL = r"you(?: will|'ll| are going to|'re going to)(?: \w+ly| also| then| soon)?"
_RECEIVED = any_of([rf"{_YOU_WILL} (?:get|receive|have)(?! to\b)(?: \w+){{0,3}} {_WORD_OF_IT}"])
_HEARD = any_of([rf"{_YOU_WILL} hear (?:back )?from (?:us|me|the|our|my|an?|somebody|someone)"])
_WE_WILL, _WE_ARE = any_of([rf"{_US}{_WILL}"]), any_of([rf"{_US}{_AM}"])
_THEY_WILL_BE = any_of([rf"(?:you|your(?: \w+){{1,3}}?)(?: will|'ll| is going to| are going to) be{_HOW}"])
_BEHIND = (  # who it is, and what then follows
    (_WE_WILL, {what: any_of([done]) for what, done in _DO.items()}),
    (_WE_ARE, {what: any_of([doing]) for what, doing in _DOING.items()}),
    (_THEY_WILL_BE, {what: any_of([done]) for what, done in _BE_DONE.items()}),
)
_SPOKEN_OF = {  # in a source, beside the same words of the company: "we send it", "a colleague can call you back"
    what: any_of([rf"{_US}(?: can| may|{_WILL})?(?: \w+ly| also| then)? (?:{done})"]) for what, done in _DO.items()
} | {RECEIVED: any_of([_WORD_OF_IT, r"(?:sen[dt]s?|post(?:ed)?|written|write to you)"])}
_BY_CALL = (r"call ?backs?", r"(?:calls?|rings?|contacts?|phones?) you", r"in touch")
_SAID_OTHERWISE = {
    "send": any_of([r"by (?:post|e(?:[- ])?mail|text|courier)", r"(?:comes|arrives)", r"sends? (?:you|it|them)"]),
    "call": any_of(_BY_CALL),
    "reply": any_of(  # who calls or writes replies
        [
            *_BY_CALL,
            rf"{_US}(?: can| may|{_WILL})?(?: \w+ly| also| then)? (?:repl(?:y|ies)|answers? (?:you|within|by|in)|write|responds?|{_DO['call']})",
            r"you(?: can| may|'ll| will)? (?:get|have|receive) (?:an?|our|the)(?: \w+)? (?:answer|reply|response|decision)",
        ]
    ),
    "visit": any_of([r"visits?", r"(?:comes|appointments?)"]),
    "book": any_of([r"appointments?"]),
}
_OPEN = re.compile(
    r"\b(?:if|once|when|whenever|unless|whether|how|what|where|why|say|says|said|told|asked|not|n['’]?t|cannot|never|nobody)"
    r"\b[^.;:!?]*$",
    re.IGNORECASE,
)
_ON_THEIR_WORD = any_of(
    [
        r"(?:if|once|when|unless|provided|as soon as|after|whenever) (?:you|you're|you've|you'd|you'll|your|that's|it's)(?: \w+)?"
    ]
)


def undertakings(text: str) -> list[Undertaking]:
    """Those that bind: no question, no condition, nothing denied. In no particular order."""
    found = []
    for at in sentences(text):
        said = text[at.start : at.end]
        if said.rstrip().endswith("?"):
            continue
        found += [
            each._replace(span=Span(at.start + each.span.start, at.start + each.span.end))
            for each in _said(said)
            if not _OPEN.search(said[: each.span.start]) and not _ON_THEIR_WORD.search(said, each.span.end)
        ]
    return found


def _said(sentence: str) -> Iterator[Undertaking]:
    for who, acts in _BEHIND:
        for lead in who.finditer(sentence):
            at = len(sentence) - len(sentence[lead.end() :].lstrip(" ,\n"))
            for what, act in acts.items():
                if match := act.match(sentence, at):
                    yield Undertaking(what, Span(lead.start(), match.end()), _about(sentence, what, lead, match.end()))
    for what, pattern in ((RECEIVED, _RECEIVED), ("reply", _HEARD)):
        for match in pattern.finditer(sentence):
            yield Undertaking(what, Span(*match.span()))


def _about(sentence: str, what: str, lead: re.Match[str], end: int) -> frozenset[str]:
    if what not in _TO_SOMETHING:
        return frozenset()
    named = _THEIRS_LED.match(lead[0])
    return told_in(named[1]) if named else told_ahead(sentence, end)


@lru_cache(maxsize=512)  # the same sources are read for every candidate of a turn
def speaks_of_doing(text: str, what: str) -> bool:
    """Whether a source speaks of the company's doing this."""
    return (
        _SPOKEN_OF[what].search(text) is not None
        or (what in _SAID_OTHERWISE and _SAID_OTHERWISE[what].search(text) is not None)
        or (what in DEEDS and names_deed(text, what))
    )
