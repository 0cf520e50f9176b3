"""A cue, not a block: the caller acts for somebody else, or claims an authority. What follows is for the policy.

Whoever isn't the customer is told nothing of the customer's: tools ask the authenticated subject and no claim. This cue is
for the rest: a person takes over, a power of attorney is asked for, a false policeman is recorded. What callers tell
*about* third parties (a scam call, a joint account) is none.
"""

from __future__ import annotations

from agent_core.guardrails._text import any_of, spans
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Verdict,
    cue,
)


class ThirdPartyReason(Reason):
    RELATIVE = "third_party_relative"
    REPRESENTATIVE = "third_party_representative"
    AUTHORITY = "third_party_authority"


_PERSON = (
    r"(?:husband|wife|spouse|partner|mother|mum|mom|father|dad|son|daughter|brother|sister|grandmother|grandfather|nan|gran|"
    r"granny|grandad|parents?|aunt|uncle|fiancee?|boyfriend|girlfriend|friend|neighbour|boss|grandson|granddaughter|niece|nephew|tenant|flatmate|lodger)"
)
_I_AM = r"(?:i'm|i am|this is|it is|it's|speaking is|my name is \w+ (?:and )?i'm)"
_CALLING = r"(?:calling|ringing|phoning|speaking|asking|enquiring|on the phone|acting|here)"
_OWNED = (
    r"(?:account|card|balance|money|statement|pin|loan|mortgage|savings|payment|direct debit|bill|details|tariff|prescription|medication|"
    r"(?:meter )?reading|meter|policy|contract|pension|benefit)s?"
)
_RELATIVE = any_of(
    [
        rf"(?:collect|pick up|change|cancel|update|check|see|pay|block|stop)(?: \w+){{0,5}} my (?:\w+ )?{_PERSON}'s (?:\w+ )?{_OWNED}",
        rf"{_CALLING} (?:up )?(?:for|on behalf of|instead of|in the name of) (?:a|my|our|the) (?:\w+ )?{_PERSON}",
        rf"(?:authori[sz]ed|allowed|here) to (?:speak|act|call|ring) (?:for|on behalf of) (?:my|our|a|the) (?:\w+ )?{_PERSON}",
        rf"(?:can|could|would) you (?:please )?(?:tell|give|read|show|send) (?:me|us)(?: \w+){{0,6}} (?:my|our|the) (?:\w+ )?{_PERSON}'s(?: \w+)? {_OWNED}",
        rf"(?:whether|if) my (?:\w+ )?{_PERSON} (?:has|have|is|was|did|owes?|paid)",
        rf"my (?:\w+ )?{_PERSON}'s (?:\w+ )?{_OWNED}(?: \w+){{0,2}} (?:can|could) you",
        rf"(?:get|log|look) into my (?:\w+ )?{_PERSON}'s {_OWNED}",
        rf"(?:check|see|know|get|collect|pay|change|cancel|block) (?:his|her|their) (?:\w+ )?{_OWNED} for (?:him|her|them)",
        rf"(?:look|looking) after my (?:\w+ )?{_PERSON}'s (?:\w+ )?{_OWNED}",
        r"(?:i'm|i am) (?:the|his|her|their) landlord(?: \w+){0,4} (?:tenant|tenant's)",
        rf"{_I_AM} (?:just |only )?(?:his|her|their|the (?:account holder|customer|cardholder)'s) (?:\w+ )?{_PERSON}",
        rf"{_CALLING} (?:up )?(?:for|on behalf of|instead of) (?:my|our) (?:\w+ )?{_PERSON}",
        rf"{_CALLING} about (?:my|our) (?:\w+ )?{_PERSON}'?s (?:\w+ )?{_OWNED}",
        rf"(?:it's|it is|that's|this is)(?: about)?(?: not my \w+ it's)? my (?:\w+ )?{_PERSON}'?s(?: \w+)? {_OWNED}(?: not mine)?",
        rf"not my {_OWNED} (?:it's|it is|but) my (?:\w+ )?{_PERSON}'?s?",
        rf"(?:check|see|know|ask|look up|find out)(?: \w+){{0,4}} (?:on|about|of|at) my (?:\w+ )?{_PERSON}'?s {_OWNED}",
        rf"my (?:\w+ )?{_PERSON} (?:has |just )?(?:asked|wants|told|sent|would like) me to (?:ring|call|phone|find out|ask|check|speak)",
    ]
)
_ROLE = (
    r"(?:carer|attorney|deputy|guardian|trustee|executor|administrator|solicitor|lawyer|accountant|adviser|advisor|representative|"
    r"social worker|agent|assistant|secretary)"
)
_REPRESENTATIVE = any_of(
    [
        r"(?:letter|form) of authority (?:for|from)",
        r"(?:i|we) (?:act|speak) (?:for|on behalf of) (?:mr|mrs|ms|miss|dr|my|our) \w+",
        rf"(?:i'm|i am|we're|we are) (?:an? |the )?(?:\w+ )?{_ROLE} (?:acting|calling|ringing|speaking) (?:for|on behalf of|in)",
        r"(?:i'm|i am|this is|it's) (?:\w+ ){0,3}'?s? ?(?:assistant|secretary|carer|nurse|adviser|advisor|agent) (?:calling|ringing|phoning|speaking) (?:for|on behalf of)",
        r"(?:got|have|with) (?:my|our|a) (?:client|patient|service user) (?:with|here|next to|on the line)",
        r"(?:on behalf of|for) (?:an? |my |our )(?:client|patient|service user|resident)",
        r"(?:i'm|i am) (?:the |an? |his |her |their |my \w+'s )?appointee",
        r"(?:i|we) (?:have|hold|got|have got|'ve got)(?: a| the| lasting)* powers? of attorney (?:for|over|from)",
        r"under (?:a |the )?(?:lasting |enduring )?power of attorney",
        rf"(?:i'm|i am|we're|we are) (?:acting as )?(?:his|her|their|the|your customer's|the customer's) (?:\w+ )?{_ROLE}s?",
        r"(?:calling|ringing|phoning|acting|speaking|writing)(?: \w+)? (?:on behalf of|for) (?:an? |one |your |our |the )(?:\w+ )*?(?:client|customer|account holder|patient)s?",
        r"(?:we|i) (?:act|represent|speak) (?:for|on behalf of)? ?(?:the|your|a|an|one of) \w+",
        r"(?:i've|i have|i) (?:been |was )?appointed (?:as )?(?:his|her|their|the) \w+",
        r"(?:executor|administrator|beneficiary) of (?:the|her|his|my) \w+",
    ]
)
_OFFICE = (
    r"(?:police|metropolitan police|met|crime agency|national crime agency|tax office|hmrc|revenue|customs|court|council|government|home office|"
    r"fraud (?:team|department|squad|unit)|security (?:team|department)|it (?:team|department|support)|head office|headquarters|"
    r"compliance(?: team| department)?|internal audit|regulator|financial conduct authority|fca|interpol|immigration)"
)
_AUTHORITY = any_of(
    [
        r"(?:the )?(?:police|council|court|tax office|hmrc) (?:here|speaking|calling)",
        rf"i work (?:for|at|in|with) (?:the |your )?(?:\w+ )?{_OFFICE}(?: and| so)? (?:i|we) (?:need|want|require|must)",
        rf"this is the (?:\w+ )?(?:{_OFFICE}|hospital|surgery|clinic|embassy|bank)(?: \w+){{0,3}} (?:i need|we need|we want|please|give|calling|here)",
        r"(?:this is|i'm|i am|it's|my name is|you're speaking (?:to|with)|good (?:morning|afternoon|evening)|hello) "
        r"(?:a )?(?:detective|inspector|constable|sergeant|officer|superintendent|dci|pc|agent|sheriff)s?(?! in)",
        r"(?:detective|inspector|constable|sergeant|officer|superintendent) \w+ (?:here|speaking|from|of|with)",
        rf"(?:i'm|i am|we are|we're)(?: \w+)? (?:calling |ringing |phoning |here |speaking )?(?:from|with|at|of) (?:the |your |our )?(?:\w+ )?{_OFFICE}",
        rf"(?:calling|ringing|phoning|speaking) (?:to you )?(?:from|for|on behalf of) (?:the |your )?(?:\w+ )?{_OFFICE}",
        rf"(?:it's|it is|this is)(?: \w+)? (?:from )?(?:the |your )?(?:\w+ )?{_OFFICE}(?: \w+)? (?:speaking|here|calling|i need|we need|give)",
        rf"(?:it's|this is) (?:me|\w+) from (?:the |your )?(?:\w+ )?{_OFFICE}",
        r"i work (?:for|at|in) (?:the |your )(?:police|tax office|bank|fraud \w+|security \w+|it \w+|revenue|court|head office)(?: \w+)*? (?:and|so|i need|we need)",
        r"(?:i'm|i am) (?:a|an|the) (?:bailiff|police ?(?:man|woman|officer)|detective|tax inspector|court officer|civil servant)",
        r"(?:official|police|criminal|court) (?:enquiry|inquiry|investigation|business)(?! number)",
    ]
)
_TOLD_OF = any_of(
    [
        r"(?:somebody|someone|a (?:man|woman|guy|caller|person|lady|bloke)|he|she|they|people|the caller)(?: \w+){0,3} "
        r"(?:said|says|claimed|claims|pretended|pretends|told|rang|called|phoned|were|was|from)",
        r"is (?:that|this|it) (?:a scam|real|genuine|true|fraud)",
    ]
)


class ThirdParty:
    name = "third_party"
    version = "2"
    inputs = (Input.CALLER,)
    means = Means.PATTERN
    blocks = False
    judges_sentence = True
    budget_ms = 10
    on_failure = OnFailure.OPEN
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        found = {
            ThirdPartyReason.RELATIVE: spans(_RELATIVE, subject.text),
            ThirdPartyReason.REPRESENTATIVE: spans(_REPRESENTATIVE, subject.text),
            ThirdPartyReason.AUTHORITY: spans(_AUTHORITY, subject.text),
        }
        if _TOLD_OF.search(subject.text):  # somebody else's claim, reported: that caller asks for help
            found[ThirdPartyReason.AUTHORITY] = ()
        reasons = tuple(reason for reason, evidence in found.items() if evidence)
        if not reasons:
            return PASSED
        return cue(*reasons, evidence=tuple(span for evidence in found.values() for span in evidence))


GUARDRAIL = ThirdParty()
