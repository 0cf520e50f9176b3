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
_OFFENCE = r"(?:fraud|theft|tampering|laundering|crime|criminal activity|mule activity|terrorism|dishonesty|deception|misuse|wrongdoing|something illegal)"
_SLEUTHS = (
    r"(?:(?:anti[- ]?)?fraud (?:team|unit|department|desk|people|investigators?)|(?:special |internal )?investigat(?:ions?|ive) (?:team|unit|department)|"
    r"investigators?|security (?:team|people)|compliance(?: (?:team|people|unit|department|officer))?|(?:financial crime|aml|anti[- ]money[- ]laundering) (?:team|people|unit|department|officer))"
)
_YOUR = r"(?:you|your (?:\w+ ){0,2}?(?:name|file|account|accounts|claim|policy|profile|payments?|transfers?|transactions?|deposits?|money|business|activity|records?|meter(?: readings?)?|application|case))"
_UNMISTAKABLE = {  # in whatever sentence: nothing of this is said to everybody
    TippingOffReason.INVESTIGATION: any_of(
        [
            rf"{_YOUR}(?: is| are|'re| was| were| has been| have been| came| fell)(?: \w+)? under (?:suspicion|surveillance|scrutiny)",
            rf"{_YOUR}(?: is| are|'re|'s| was| were)(?: \w+)? (?:the subject of|subject to|the target of|part of|at the cent(?:re|er) of) (?:an?|the|our) (?:\w+ )?(?:investigation|inquiry|enquiry|probe)",
            r"(?:suspect|suspects|suspected|suspicious of) (?:you|your) (?:of|\w+ of|\w+ (?:isn't|is not|aren't))",
            r"(?:suspect|suspects|believe|believes|doubt|doubts)(?: that)? (?:the|this|that|your) (?:\w+ )?(?:claim|policy|application|story|loss|accident)(?: \w+){0,2} (?:isn't|is not|wasn't|was not|is|was) (?:honest|genuine|true|real|fake|staged|made up|false|invented)",
            rf"(?:while|until|before|unless) (?:the |our |their )?{_SLEUTHS} (?:finish|are|is|have|has|decide|look|clear|say|let|examine|check)\w*",
            rf"(?:{_AUTHORITIES})(?: would| do|'d)? (?:like|want|wants|wish|need|needs) to (?:talk|speak) to you",
            rf"(?:{_AUTHORITIES}) (?:are|is|have been|has been|got|were) (?:\w+ )?(?:involved|brought in|called in)",
            rf"(?:police|criminal|fraud|crime) (?:inquiry|enquiry|investigation|probe|case)(?: \w+)? (?:into|about|against|on|regarding) (?:{_YOUR}|this|the)",
            rf"(?:suspected|suspicion) (?:of|for) (?:\w+ )?(?:{_OFFENCE}|being (?:fraudulent|false|staged|a (?:\w+ )?mule|involved))",
            r"(?:suspect|suspects|believe|believes|think|thinks|fear|fears|looks(?: to us)?)(?: that| as (?:though|if)| like)* (?:you|you're|you are|your)(?: \w+){0,4} (?:involved in|part of|behind|complicit in|committing|laundering|a (?:\w+ )?mule|a fraudster|fraudulent|guilty)",
            rf"(?:they|we|somebody|someone|{_SLEUTHS})(?:'re|'s| are| is|'ve been| have been| has been) (?:\w+ )?(?:monitoring|watching|tracking|investigating|looking into|surveilling|keeping (?:an eye|tabs) on) {_YOUR}",
            rf"{_YOUR}(?: is| are|'re|'s)(?: \w+)? being (?:\w+ )?(?:watched|monitored|investigated|tracked|looked (?:at|into) (?:for|over) (?:\w+ )?{_OFFENCE})",
            rf"(?:looked into|examined|reviewed|investigated|checked)(?: \w+)? (?:for|over|because of|on suspicion of) (?:\w+ )?{_OFFENCE}",
            rf"{_YOUR}(?: has| is|'s| was| have)(?: \w+){{0,2}} (?:with|to|gone to|passed to|referred to|sent to|handed to|in the hands of) (?:our |the |an? )?(?:\w+ )?{_SLEUTHS}",
            rf"(?:the |our |this )?(?:case|file|matter) (?:is|'s|has gone|went|lies|sits)(?: \w+)? (?:with|to) (?:our |the )?(?:\w+ )?{_SLEUTHS}",
            rf"{_SLEUTHS} (?:has|have|had|holds?|opened|keeps?|wants?|will (?:decide|determine|contact|question)|asked)(?: \w+){{0,4}} (?:{_YOUR}|what happens|where your)",
            rf"(?:opened|started|launched|begun)(?: \w+){{0,2}} (?:case|file|inquiry|enquiry|investigation|probe) (?:on|into|about|against) {_YOUR}",
            rf"(?:pending|awaiting|during|until)(?: \w+){{0,4}} (?:investigations?|inquiry|enquiry)(?: \w+){{0,2}}(?: into {_YOUR}| by {_SLEUTHS}|[.]|$)",
        ]
    ),
    TippingOffReason.REPORT: any_of(
        [
            r"(?:tip|tipped|tipping) (?:you |the customer |them |him |her |anyone )?off",
            r"(?:mustn't|shouldn't|should not|must not|ought not to|oughtn't to)(?: \w+)? (?:tell|say|mention|let you know|reveal)(?: \w+){0,4} but",
            r"suspicion reports?",
            rf"(?:let|made|making|letting) (?:the )?{_AUTHORITIES} (?:know|aware)(?: \w+)? (?:about|of) {_YOUR}",
            r"(?:not|n't)(?: \w+)? (?:supposed|meant|allowed|permitted) to (?:tell|say|mention|let you know|reveal)(?: \w+){0,4} but",
            rf"(?:raised|reported|registered|voiced|filed|logged) (?:\w+ )?(?:concerns?|suspicions?|something) (?:about|on|regarding|over) {_YOUR}",
            r"(?:you've|you have|you were|your \w+ (?:has|have|was|were))(?: been)? reported (?:to|for|over|as) (?!you|lost|stolen|missing)",
        ]
    ),
    TippingOffReason.FLAG: any_of(
        [
            rf"(?:fraud|crime|risk|mule|laundering|cifas|suspicion) (?:markers?|flags?|warnings?|entry|notes?)(?: \w+){{0,3}} (?:against|on|beside|by|next to|over) {_YOUR}",
            rf"(?:markers?|flags?|warnings?) (?:for|of|about) (?:\w+ )?{_OFFENCE}(?: \w+){{0,2}} (?:against|on|beside) {_YOUR}",
            rf"{_YOUR}(?: has|'s| is|'re|'ve| have| was| were| are)(?: been)?(?: \w+)? (?:flagged|marked|tagged|listed|red[- ]flagged)(?: \w+){{0,4}} (?:high[- ]risk|suspicious|suspect|a risk|{_OFFENCE})",
            rf"(?:alerts?|alarms?|warnings?|red flags?)(?: \w+){{0,2}} (?:went off|was (?:raised|triggered)|were (?:raised|triggered)|came up|has gone off)(?: \w+){{0,3}} (?:on|about|against|over|because of|by|for) (?:{_YOUR}|the (?:cash|money|deposits?|payments?|transfers?) (?:that )?you)",
            rf"(?:{_AUTHORITIES}|{_SLEUTHS})(?: have| has|'ve| had)?(?: \w+)? (?:put|placed|slapped) an? (?:stop|hold|block|freeze|marker|restriction) on",
            rf"(?:{_YOUR}|your details)(?: is| are|'re|'s)? (?:\w+ )?on (?:an?|the|our) (?:\w+ )?(?:fraud|sanctions|crime|cifas|suspects?|mule|laundering) (?:register|database|list|file)",
            r"(?:sanctions|laundering|financial crime|mule) (?:match|hit|alert|flag|warning|marker|checks? (?:on|flagged|picked|stopped|hit))",
            r"(?:picked up|caught|stopped|spotted|flagged|held) by (?:our |the )?(?:\w+ )?(?:laundering|financial crime|sanctions|aml|fraud) (?:checks?|controls?|monitoring|filters?|systems?|screening)",
            r"(?:suspicious|unusual) (?:pattern|activity|transactions?|payments?)(?: \w+){0,2} (?:by|from|linked to|on the part of) you",
        ]
    ),
}
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
    version = "3"
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
            for patterns in (_UNMISTAKABLE,) if _EVERYBODYS.search(said) else (_UNMISTAKABLE, _PATTERNS):
                for reason, pattern in patterns.items():
                    for span in spans(pattern, said):
                        found.setdefault(reason, []).append(Span(at.start + span.start, at.start + span.end))
        if not found:
            return PASSED
        return blocked(*found, evidence=tuple({span for each in found.values() for span in each}))


GUARDRAIL = TippingOff()
