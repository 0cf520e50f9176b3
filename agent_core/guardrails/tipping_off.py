"""No candidate tells a caller that they, their account or a payment are under investigation, or were reported.

Telling is an offence where a suspicion of money laundering was or may be disclosed (Proceeds of Crime Act 2002, s. 333A;
Directive (EU) 2015/849, art. 39). What a bank says every day stays free: that it looks into a complaint or a payment that
the caller disputes, that a scam can be reported, that everybody is asked for identification.
"""

from __future__ import annotations

from agent_core.guardrails._text import any_of, sentences, spans
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Span,
    Verdict,
    blocked,
)


class TippingOffReason(Reason):
    INVESTIGATION = "tipping_off_investigation"
    REPORT = "tipping_off_report"
    FLAG = "tipping_off_flag"


_CRIME = r"(?:money laundering|laundering|terrorist financing|terrorism|financial crime|crime|proceeds of crime|suspicious activity|suspicious transactions?|sanctions)"
_TEAM = r"(?:financial crime|anti[- ]money[- ]laundering|aml|economic crime|money laundering) (?:team|unit|department|officer|desk|colleagues?)"
_AUTHORITIES = r"(?:police|national crime agency|nca|authorities|law enforcement|financial intelligence unit|fiu|serious fraud office|prosecutors?)"
_THEIRS = r"(?:you|your (?:\w+ )?(?:account|accounts|card|payment|payments|transfer|transfers|transactions?|money|funds|details|business|name|activity)|this (?:account|payment|transfer|customer)|the (?:account|payment|transfer|funds))"
_LOOK = r"(?:investigat(?:e|es|ed|ing)|review(?:s|ed|ing)?|look(?:s|ed|ing)? into|examin(?:e|es|ed|ing)|monitor(?:s|ed|ing)?|watch(?:es|ed|ing)?)"
_PATTERNS = {
    TippingOffReason.INVESTIGATION: any_of(
        [
            rf"{_THEIRS} (?:is|are|'re|was|were|has been|have been|being)(?: \w+)? (?:under|subject to|part of|the subject of|in)(?: an?| the)?(?: \w+){{0,3}} investigations?",
            rf"(?:investigation|inquiry|enquiry|case|probe)(?: that is| which is)?(?: \w+)? (?:into|against|about|on) {_THEIRS}",
            r"(?:you're|you are|your account is|your accounts are) (?:being )?investigated",
            rf"{_TEAM}(?: \w+){{0,4}} {_LOOK}(?: \w+)? {_THEIRS}",
            rf"(?:the |local )?{_AUTHORITIES}(?: \w+){{0,3}} {_LOOK}(?: \w+)? {_THEIRS}",
            rf"{_LOOK} (?:\w+ )?(?:suspicious|criminal|illegal|unlawful)(?: \w+){{0,3}} (?:by|of|from) you",
            r"(?:suspect|suspects|suspected|believe|believes|think|thinks|suspicion)(?: that)? you(?:'re| are)?(?: \w+){0,3} (?:launder\w*|mule|criminal|fraudster|terroris\w+)",
            rf"{_THEIRS}(?: \w+){{0,4}} {_LOOK}(?: \w+){{0,3}} (?:for|over|because of) {_CRIME}",
        ]
    ),
    TippingOffReason.REPORT: any_of(
        [
            r"suspicious activity reports?",
            r"(?:a|an|the) s ?a ?r (?:has|was|is|will|about|on)",
            rf"(?:reported|flagged|passed|disclosed|referred|escalated|sent|notified)(?: \w+){{0,4}} to (?:the )?(?:\w+ )?{_AUTHORITIES}",
            rf"(?:report|disclosure|referral) (?:about|on|against) {_THEIRS}(?: \w+){{0,4}} (?:to|with) (?:the )?{_AUTHORITIES}",
            rf"(?:flagged|reported|reporting) (?:this|you|it|your \w+) to (?:the )?(?:\w+ )?{_AUTHORITIES}",
            rf"(?:we|i)(?:'ve| have| had to| had)? (?:told|informed|alerted|notified|contacted)(?: to)? (?:the )?{_AUTHORITIES} (?:about|of) {_THEIRS}",
            rf"(?:waiting|wait|asked|need) (?:for|on)? ?(?:the )?(?:consent|permission|clearance|approval|a defence) (?:from|of|by) (?:the )?{_AUTHORITIES}",
        ]
    ),
    TippingOffReason.FLAG: any_of(
        [
            rf"(?:flagged|marked|listed|tagged|restricted|blocked|frozen|held|stopped)(?: \w+){{0,4}} (?:for|as|because of|due to|on suspicion of|over)(?: \w+){{0,4}} (?:{_CRIME}|mule|fraudster|suspicion)",
            r"(?:watch|sanctions|terror(?:ist)?|suspects?) ?list",
            rf"(?:block|freeze|hold|restriction|order|request)(?: \w+){{0,3}} (?:from|by|of) (?:an order (?:by|of) )?(?:the )?{_AUTHORITIES}",
            rf"(?:at the request|on the orders?|on the instructions?) of (?:the )?{_AUTHORITIES}",
            r"(?:production|disclosure|restraint|freezing|monitoring) order",
            rf"(?:told|asked|ordered|instructed|required) by (?:the )?{_AUTHORITIES}",
            r"suspected (?:money )?mule",
        ]
    ),
}
_EVERYBODYS = any_of(
    [
        r"(?:every|any|each)(?:one|body| customer| new customer)(?!\w)",
        r"(?:you can|you could|you may|please|you should|you might want to) (?:also )?(?:report|tell|call|contact)",
        r"(?:nobody|no one) (?:from|will|would)",
        r"we never",
    ]
)


class TippingOff:
    name = "tipping_off"
    version = "1"
    inputs = (Input.CANDIDATE,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 10
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        found: dict[TippingOffReason, list[Span]] = {}
        for at in sentences(subject.text):
            said = subject.text[at.start : at.end]
            if _EVERYBODYS.search(said):
                continue
            for reason, pattern in _PATTERNS.items():
                for span in spans(pattern, said):
                    found.setdefault(reason, []).append(Span(at.start + span.start, at.start + span.end))
        if not found:
            return PASSED
        return blocked(*found, evidence=tuple({span for each in found.values() for span in each}))


GUARDRAIL = TippingOff()
