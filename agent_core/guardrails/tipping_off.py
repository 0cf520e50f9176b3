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
_TEAM = (
    r"(?:(?:financial crime|anti[- ]money[- ]laundering|aml|economic crime|money[- ]laundering|sanctions|monitoring) (?:reporting )?"
    r"(?:team|unit|department|officer|desk|colleagues?|investigators?|controls?|checks?|alerts?)|"
    r"compliance(?: (?:team|unit|department|officer|desk|colleagues?))?)"
)
_AUTHORITIES = (
    r"(?:police|(?:national )?crime agency|nca|authorities|law enforcement|financial intelligence unit|fiu|serious fraud office|fraud squad|"
    r"prosecutors?|investigators?|detectives?|officers|courts?|tax (?:office|authorit(?:y|ies))|hmrc|revenue|customs|regulators?)"
)
_THEM = rf"(?:the |an? |our |local |these )?(?:\w+ )?(?:{_AUTHORITIES}|{_TEAM})"
_THEIRS = r"(?:you|yours|your (?:\w+ )?(?:account|accounts|card|payments?|transfers?|transactions?|deposits?|money|funds|details|business|name|activity|records?|statements?|finances|file|affairs)|(?:this|these|that|those|the) (?:accounts?|payments?|transfers?|transactions?|customer|deposits?|funds|money))"
_LOOK = (
    r"(?:investigat(?:e|es|ed|ing)|review(?:s|ed|ing)?|look(?:s|ed|ing)? (?:in)?(?:to|at)|examin(?:e|es|ed|ing)|monitor(?:s|ed|ing)?|"
    r"watch(?:es|ed|ing)?|keep(?:s|ing)? an eye on|inquir(?:e|es|ed|ing) into)"
)
_HOLD = r"(?:froze|frozen|freez(?:e|es|ing)|h[eo]ld(?:s|ing)?|stop(?:s|ped|ping)?|block(?:s|ed|ing)?|restrict(?:s|ed|ing)?|seiz(?:e|es|ed|ing))"
_TELL = r"(?:report|disclos|refer|pass|escalat|submitt?|notif[iy]|inform|alert|flag|sen[dt]|told|tell|hand)\w*"
_CRIMINAL = r"(?:launder\w*|mules?|criminals?|fraudsters?|terroris\w+|stolen|illegal|proceeds of crime|from crime)"
_PATTERNS = {
    TippingOffReason.INVESTIGATION: any_of(
        [
            rf"{_THEIRS} (?:is|are|'re|was|were|has been|have been|being)(?: \w+)? (?:under|subject to|part of|the subject of|in)(?: an?| the)?(?: \w+){{0,3}} (?:investigations?|enquir(?:y|ies)|inquir(?:y|ies))",
            rf"(?:investigation|inquiry|enquiry|case|probe|file)(?: that is| which is)?(?: \w+)? (?:into|against|about|on) {_THEIRS}",
            r"(?:active|ongoing|live|pending|criminal|police|internal|fraud|crime) (?:criminal |police |fraud )?(?:investigation|inquiry|enquiry)(?! number)",
            rf"{_TEAM}(?: \w+){{0,3}} (?:running |pending )?(?:against|on|into) {_THEIRS}",
            r"(?:you're|you are|your account is|your accounts are) (?:being )?(?:investigated|under investigation|watched)",
            r"(?:mention|discuss|talk about|tell you about) (?:the|an|this|that) (?:investigation|inquiry)",
            rf"(?:{_AUTHORITIES}|{_TEAM}|fraud (?:team|department|unit))(?: \w+){{0,4}} {_LOOK}(?: \w+)? {_THEIRS}",
            rf"(?:{_LOOK}|under review|examination)(?: \w+)? by {_THEM}",
            rf"{_AUTHORITIES}(?: \w+){{0,3}} (?:investigat(?:es?|ing)|(?:start|open|launch)ed an? (?:inquiry|enquiry|investigation|case))",
            rf"{_AUTHORITIES}(?: \w+){{0,3}} (?:on to|after|questions about|interested in|want(?:s|ed)? to (?:know|see)) (?:where )?{_THEIRS}",
            rf"{_LOOK} (?:\w+ )?(?:suspicious|criminal|illegal|unlawful)(?: \w+){{0,3}} (?:by|of|from) you",
            rf"(?:suspect|suspects|suspected|believe|believes|think|thinks|suspicion)(?: that| of)? {_THEIRS}(?: \w+){{0,5}} {_CRIMINAL}",
            rf"(?:suspect|suspects|suspected|suspicion)(?: \w+){{0,3}} (?:{_CRIMINAL}|fraud (?:on|by) (?:your part|you))",
            rf"{_THEIRS}(?: \w+){{0,4}} {_LOOK}(?: \w+){{0,3}} (?:for|over|because of) {_CRIME}",
        ]
    ),
    TippingOffReason.REPORT: any_of(
        [
            r"suspicious (?:activity|transactions?) reports?",
            r"(?:a|an|the) (?:sar|s a r) (?:has|was|is|will|about|on)",
            r"(?:filed|submitted|made|sent|raised) (?:a|an|the) (?:sar|s a r)",
            rf"(?:reported|flagged|passed|disclosed|referred|escalated|sent|notified)(?: \w+){{0,4}} (?:on )?to {_THEM}",
            rf"(?:we|i|we're|we've|i'm|i've|they|bank)(?: \w+){{0,4}} {_TELL}(?: \w+){{0,2}} (?:{_THEIRS}|it|them|that)(?: \w+){{0,2}} (?:on )?to {_THEM}",
            rf"(?:reported|flagged)(?: \w+)? (?:for|as|over) (?:{_CRIME}|suspicious)",
            rf"(?:disclosure|referral)(?: (?:has been|was|is))?(?: made)? (?:about|on|against) {_THEIRS}",
            rf"(?:a|an|the|our|another) (?:report|disclosure|referral)(?: \w+){{0,5}} (?:to|with) (?:the )?{_AUTHORITIES}",
            rf"(?:we|i)(?:'ve| have| had to| had)? (?:told|informed|alerted|notified|contacted)(?: to)? (?:the )?{_AUTHORITIES}(?: (?:about|of) {_THEIRS}|$)",
            rf"so (?:we|i|they) (?:told|informed|alerted|notified|contacted|called) (?:the )?{_AUTHORITIES}",
            rf"(?:waiting|wait|asked|need) (?:for|on)? ?(?:the )?(?:consent|permission|clearance|approval|a defence) (?:from|of|by) (?:the )?{_AUTHORITIES}",
        ]
    ),
    TippingOffReason.FLAG: any_of(
        [
            rf"(?:flagged|marked|listed|tagged|restricted|blocked|frozen|held|stopped)(?: \w+){{0,4}} (?:for|as|because of|due to|on suspicion of|over|because we suspect)(?: \w+){{0,4}} (?:{_CRIME}|mule|fraudster|suspicion|suspicious)",
            r"(?:watch|sanctions|terror(?:ist)?|suspects?) ?list",
            rf"(?:block|freeze|hold|restriction|order|request|instructions?)(?: \w+){{0,3}} (?:from|by|of) (?:an order (?:by|of) )?(?:the )?{_AUTHORITIES}",
            rf"(?:at the request|on the orders?|on the instructions?) of (?:the )?{_AUTHORITIES}",
            r"(?:production|disclosure|restraint|freezing|monitoring) order",
            rf"courts?(?: \w+){{0,2}} (?:granted|made|issued|order)(?: \w+){{0,3}} (?:against|freezing|on|over) {_THEIRS}",
            rf"(?:told|asked|ordered|instructed|required) by (?:the )?{_AUTHORITIES}",
            rf"{_AUTHORITIES}(?: \w+){{0,3}} (?:asked|told|ordered|instructed|required|rang|called|contacted|given|gave|requested) (?:us|(?:for )?{_THEIRS})",
            rf"(?:waiting for|until|unless) (?:the )?{_AUTHORITIES} (?:to |say|says|let|lets|tell|release|allow|clear|agree|are (?:done|finished))(?:\w+)?",
            rf"(?:{_AUTHORITIES}|{_TEAM})(?: (?:has|have|had|is|are|was))?(?: \w+)? (?:{_HOLD}|put a hold on|raised a (?:concern|flag|question) about)(?: where)? (?:{_THEIRS}|it|them)",
            rf"{_HOLD}(?: \w+){{0,2}} (?:while|because) (?:the )?(?:{_AUTHORITIES}|{_TEAM})",
            rf"{_THEIRS}(?: \w+){{0,4}} (?:triggered|set off|caused|raised|look(?:s)? suspicious|with)(?: \w+){{0,4}} {_TEAM}",
            rf"{_TEAM}(?: \w+){{0,4}} (?:opened|against|about|believes|thinks|suspects)(?: \w+){{0,4}} {_THEIRS}",
            rf"(?:you|{_THEIRS})(?: \w+){{0,2}} (?:triggered|set off)(?: \w+){{0,3}} (?:{_TEAM}|{_CRIME})",
            rf"{_THEIRS}(?: \w+){{0,3}} used by (?:criminals|fraudsters|launderers|mules)",
            r"high risk for (?:money )?(?:laundering|crime|fraud)",
            r"suspected (?:money )?mule",
        ]
    ),
}
_EVERYBODYS = any_of(
    [
        r"(?:every|any|each)(?:one|body| customer| new customer)(?!\w)",
        r"(?:you can|you could|you may|please|you should|you might want to) (?:also )?(?:report|tell|call|contact)",
        r"(?:nobody|no one) (?:from|will|would)",
        r"(?:we|police|banks?) never",
        r"(?:complaint|disputed?|fault|outage|parcel|claim|power cut|leak|theft|stolen card|scam)s?(?! (?:team|department) (?:has|have|is|are) investigat)",
        r"(?:you|that you) (?:don't|do not|didn't|did not) (?:recognise|know|make)",
    ]
)


class TippingOff:
    name = "tipping_off"
    version = "2"
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
