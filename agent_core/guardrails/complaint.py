"""A cue, not a block: the caller complains. What follows (a colleague, a record) is for the policy.

Firms must handle "any oral or written expression of dissatisfaction" as a complaint (FCA Handbook, DISP 1 and the
glossary), whether or not the caller uses the word.
"""

from __future__ import annotations

from agent_core.guardrails._text import any_of, spans
from agent_core.guardrails.base import PASSED, GuardInput, GuardOptions, Input, Means, OnFailure, Reason, Verdict, cue


class ComplaintReason(Reason):
    STATED = "complaint_stated"
    AUTHORITY = "complaint_authority_named"
    DISSATISFIED = "complaint_dissatisfied"


_STATED = any_of(
    [
        r"(?:make|file|raise|lodge|register|have|with) an? (?:formal |official |serious )?complaint",
        r"(?:i|we)(?: want| need|'d like| would like|'m going| am going|'ll have|'m calling)? to complain",
        r"i'm complaining",
        r"(?:wanna|want to|gonna|going to|like to|have to|need to|who do i|where do i|how do i|how can i) complain",
        r"(?:raise|have|file|lodge|submit|register|log|record|make)(?: \w+){0,2} (?:complaint|grievance)",
        r"a (?:complaint|grievance) (?:about|against|for me|please)",
        r"my complaint",
        r"(?:formal|official|written) complaint",
        r"complain about (?:you|your|the way|how|this bank|the bank|the service|my)",
    ]
)
_AUTHORITY = any_of(
    [
        r"ombudsman",
        r"(?:report|reporting|reported) (?:this|you|it|that)(?: \w+){0,2} to (?:the )?(?:fca|financial conduct authority|regulators?|authorities|watchdog|press)",
        r"(?:letter|call|email) from (?:my|our|a) (?:lawyer|solicitor)s?",
        r"(?:my|our) (?:lawyer|solicitor)s? (?:says?|told me|thinks?|advised)(?: \w+){0,4} (?:illegal|unlawful|wrong|sue|case|breach)",
        r"(?:take|taking|tell|bring|bringing) (?:this|it|that|you|my story) to (?:the )?(?:papers|press|newspapers?|media|tv|regulator|court)",
        r"(?:hear|hearing) from (?:my|our|a) (?:lawyer|solicitor)s?",
        r"(?:get|hire|see|call|go to|talk to|speak to|consult|taking this to) (?:my|our|a) (?:lawyer|solicitor)s?",
        r"(?:my|our) (?:lawyer|solicitor)s? (?:will|is going to|are going to|'ll|would|says you|has told)",
        r"(?:take|taking|see) you (?:people )?(?:to|in) court",
        r"small claims",
        r"(?:report|reporting) you(?: people| lot)? to",
        r"go(?:ing)? to the (?:papers|press|newspapers|regulator)",
    ]
)
_DISSATISFIED = any_of(
    [
        r"(?:absolutely |totally |completely )?(?:unacceptable|disgraceful|appalling|outrageous|diabolical)",
        r"(?:a|an absolute|an utter|what a) (?:disgrace|shambles|joke of a bank)",
        r"(?:worst|terrible|awful|shocking|dreadful|horrible|rubbish|useless|pathetic) (?:bank|service|customer service)",
        r"(?:your|this|the|the customer|our) (?:customer )?(?:service|bank|staff) (?:is|was|are|were|has been)(?: \w+)? (?:terrible|awful|a joke|a disgrace|useless|rubbish|shocking|pathetic)",
        r"(?:you|you people|you lot|they) (?:are|'re) (?:all )?(?:useless|hopeless|incompetent)",
        r"(?:fed up|sick and tired|sick to death|had enough|sick) (?:of|with) (?:you|your|this|waiting|being|the way|calling)",
        r"(?:very|really|extremely|so|deeply|not) (?:un)?(?:happy|satisfied) (?:with|about) (?:you|your|the|this|how)",
        r"(?:i'm|i am|we're) (?:very |really |so |extremely )?(?:unhappy|dissatisfied|disgusted|furious|livid)",
        r"(?:treat|treated|treating) (?:me|us|customers|people) (?:like|so badly|badly|terribly)",
        r"(?:very|really|extremely|so|deeply|quite|bitterly)? ?(?:disappointed|disgusted|appalled|shocked|annoyed|angry|frustrated|upset) (?:in|with|by|at|about) (?:you|your|this bank|the bank|the way|how|the service|this service)",
        r"(?:i'm|i am|we're) not (?:at all )?(?:satisfied|happy|impressed|pleased)(?! to)",
        r"(?:that's|that is|this is|it's|it is) (?:just |simply |really |absolutely |a )?(?:not good enough|not acceptable|shambles|ridiculous|pathetic|a farce|a joke|a shambles)",
        r"(?:wasted|wasting|waste of) (?:my|so much of my|half my|all my)(?: \w+)? (?:time|morning|afternoon|day|evening|week)",
        r"(?:passed|pushed|sent|transferred|bounced) (?:around|from|back and forth|about)(?: \w+){0,4}",
        r"you(?: \w+)? (?:keep|always|never|kept) (?:getting|making|messing|losing|ignoring|forgetting|call|answer|listen|help)(?: \w+){0,2}",
        r"your (?:\w+ ){0,2}(?:is|are|was|were) (?:\w+ )?(?:hopeless|useless|terrible|awful|rubbish|a disgrace|rude|shocking|incompetent|a joke|pathetic)",
        r"nobody (?:helps|helped|has helped|will help|calls|called|ever calls) me",
        r"(?:third|fourth|fifth|tenth) time i(?:'ve| have)? (?:called|rung|phoned|had to)",
    ]
)


class Complaint:
    name = "complaint"
    version = "3"
    inputs = (Input.CALLER,)
    means = Means.PATTERN
    blocks = False
    judges_sentence = True
    budget_ms = 5
    on_failure = OnFailure.OPEN
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        found = {
            ComplaintReason.STATED: spans(_STATED, subject.text),
            ComplaintReason.AUTHORITY: spans(_AUTHORITY, subject.text),
            ComplaintReason.DISSATISFIED: spans(_DISSATISFIED, subject.text),
        }
        reasons = tuple(reason for reason, evidence in found.items() if evidence)
        if not reasons:
            return PASSED
        return cue(*reasons, evidence=tuple(span for evidence in found.values() for span in evidence))


GUARDRAIL = Complaint()
