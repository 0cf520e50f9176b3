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
    r"granny|grandad|parents?|aunt|uncle|fiancee?|boyfriend|girlfriend|friend|neighbour|boss|grandson|granddaughter|niece|nephew|tenant|flatmate|lodger|"
    r"step(?:dad|mum|father|mother)|employer|manager|widower|ex(?:[- ](?:husband|wife|partner))?|stepson|stepdaughter|cousin|in[- ]laws?|(?:mother|father|sister|brother)[- ]in[- ]law|housemate|roommate|widow|godmother)"
)
_CLIENT = r"(?:client|customer|patient|resident|service user|tenant|ward|beneficiary)s?"
_THEM = r"(?:him|her|them)"
_THEIR = r"(?:his|her|their)"
_I_AM = r"(?:i'm|i am|this is|it is|it's|speaking is|my name is \w+ (?:and )?i'm)"
_CALLING = r"(?:calling|ringing|phoning|speaking|asking|enquiring|on the phone|acting|here)"
_OWNED = (
    r"(?:account|card|balance|money|statement|pin|loan|mortgage|savings|payment|direct debit|bill|details|tariff|prescription|medication|"
    r"(?:meter )?reading|meter|policy|contract|pension|benefit|overdraft|claim|premium|insurance|number|reading|contract)s?"
)
_RELATIVE = any_of(
    [
        rf"(?:need|want|about|it's|it is|see|get|know|check|change|pay off|sort(?: out)?|open|close|settle|clear|use|renew)(?: \w+){{0,2}} (?:my|our) (?:\w+ )?{_PERSON}'s (?:\w+ )?{_OWNED}",
        rf"(?:sort(?:ing)?(?: out)?|deal(?:ing)? with|handl(?:e|ing)|pay(?:ing)?|look(?:ing)? after|manag(?:e|ing))(?: \w+){{0,3}} (?:bills?|money|accounts?|banking|finances|paperwork|insurance|affairs|post|energy|phone) (?:for|of) (?:my|our|an?) (?:\w+ )?{_PERSON}",
        rf"(?:my (?:\w+ )?{_PERSON}|he|she|they)(?:'s|'re| is| are| can't| cannot| isn't| doesn't| won't)(?: \w+){{0,6}} so (?:i'm|i am|i'll|i have to|i've got to) (?:\w+ )?(?:talk|speak|ring|call|ask|phon|do|deal|handl)\w*",
        rf"(?:he|she|they|my (?:\w+ )?{_PERSON})(?: can't| cannot| won't| doesn't)(?: \w+){{0,4}},? (?:i'm|i am) (?:speaking|talking|ringing|calling|asking|doing)",
        rf"(?:look after|looking after|do|handle|manage|run|see to) (?:my|our|the) (?:\w+ )?{_PERSON}'s (?:\w+ )?(?:banking|money|finances|affairs|bills|post|paperwork|accounts?)",
        rf"(?:tell me|know|find out|see|check|say) (?:when|what|how much|where|whether|if|which)(?: \w+)? (?:my|our) (?:\w+ )?{_PERSON}(?: \w+)? (?:paid|pays|owes?|spent|spends?|has|gets?|earns?|withdrew|sent|bought)",
        rf"(?:{_PERSON}|mum|mother|father) of (?:the|your|an?) (?:account holder|customer|cardholder|policyholder)",
        rf"{_PERSON}(?: has|'s|'ve| have)? (?:asked|given|told|got|wants?|wanted|sent|would like) me (?:to|{_THEIR})(?: \w+){{0,4}}",
        r"(?:he|she)(?:'s| has)? (?:asked|wants|wanted|told) me to (?:ring|call|phone|sort|find|ask|check|speak|do|change|cancel|get|deal)",
        rf"(?:not (?:mine|my {_OWNED})|(?:isn't|not) in my name)(?: \w+)? (?:it's|it is|but|that's) (?:my|our) (?:\w+ )?{_PERSON}'?s?",
        rf"(?:it's|it is|this is|that's) for (?:a|my|our) (?:\w+ )?{_PERSON}(?: of mine)?",
        rf"(?:get|know|tell|have|give me|see|check|find out)(?: \w+){{0,3}} (?:balance|payments?|bill|account|card|statement|number|details|reading|policy) (?:for|of) (?:a|my|our) (?:\w+ )?{_PERSON}",
        rf"(?:what|how much|which|where|whether|if)(?: \w+)? (?:my|our) (?:\w+ )?{_PERSON}(?:'s| has| have)? (?:\w+ )?(?:got|has|have|owes?|spends?|spent|pays?|paid|been paid|earns?|in)(?: (?:in|on|for) (?:his|her|their))?",
        rf"(?:deal with|look after|handle|manage|run|do|see to|take care of) (?:all )?(?:(?:of )?{_THEIR}|my (?:\w+ )?{_PERSON}'s) (?:\w+ )?(?:paperwork|money|finances|accounts?|affairs|bills?|banking|bookkeeping|post)",
        rf"(?:doing|sorting|handling|arranging|asking|calling|ringing) (?:this|it|that|all this) (?:\w+ )?for (?:{_THEM}|(?:a|my|our) (?:\w+ )?{_PERSON})",
        rf"(?:get|log|look|break) (?:in ?to|on to|at) (?:(?:my|our) )?(?:\w+ )?{_PERSON}'s (?:\w+ )?{_OWNED}",
        rf"(?:he|she|they)(?:'s|'re| is| are) (?:my|our) (?:\w+ )?{_PERSON} and (?:he|she|they|i)(?:'s|'re|'m| is| are| can't| cannot| doesn't| has| have)",
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
        r"(?:got|have|hold|been given|registered|granted)(?: \w+){0,3} powers? of attorney (?:for|over|from)(?! (?:me|myself|my own))",
        r"(?:authority|permission|consent|mandate|instructions?) (?:to (?:act|speak|talk|call|ring|deal|ask)|from)(?: \w+)? (?:for|on behalf of|with|about|from)? ?(?:mr|mrs|ms|miss|dr|him|her|them|my|the (?:account holder|customer))",
        rf"in my (?:capacity|role|position) as (?:\w+ )?(?:\w+ )?{_ROLE}",
        rf"(?:made|named|appointed|chose) me (?:as )?(?:the |an? |his |her |their )?(?:\w+ )?{_ROLE}",
        r"(?:one|some|two|both) of (?:our|my) (?:residents?|clients?|tenants?|patients?|customers|service users)",
        r"(?:run|do|keep|keeping|doing) the (?:books|accounts|payroll|admin) for (?!me|us)\w+",
        rf"(?:i'm|i am|we're|we are) (?:the |an? )?(?:\w+ )?(?:{_ROLE}|bookkeeper|paralegal|interpreter|broker|advocate|loss adjuster) (?:for|of|to|at|with) (?:the|an?|mr|mrs|ms|miss|dr|his|her|their|my) ?\w*(?= |$)",
        r"we (?:act|represent|speak)(?: for| on behalf of)? (?:the|your|an?|one|mr|mrs|ms) \w+",
        r"(?:i'm|i am) (?:speaking|acting|here|calling|ringing|writing) as (?:his|her|their|the) \w+",
        r"(?:i'm|i am|we're|we are) (?:his|her|their) (?:\w+ )?(?:probation officer|legal \w+|union rep\w*|teacher|nurse|doctor|therapist|keyworker|landlord|employer|manager)",
        rf"(?:i'm|i am|we're|we are) (?:\w+ )?(?:his|her|their|the \w+'s) (?:\w+ )?(?:{_ROLE}|(?:support|key|case|social) ?worker|interpreter|bookkeeper|broker|union rep|advocate|keyworker|nurse)",
        rf"(?:an? |my |our |the )?{_CLIENT} (?:has |have |'s )?(?:asked|instructed|authori[sz]ed|wants|want) (?:me|us)",
        r"(?:appointed|acting|made|named)(?: as)?(?: (?:a|the|his|her|their))? (?:deputy|guardian|attorney|executor|administrator|trustee|receiver|conservator)(?! (?:for|of) (?:me|myself))",
        r"(?:i'm|i am|we're|we are)(?: the| an?)? (?:\w+ )?(?:insolvency practitioner|liquidator|administrators?|official receiver|letting agents?|managing agents?|estate agents?|executors?|loss adjuster|debt adviser)(?: (?:in|for|of|on|to|acting|handling|dealing|looking|with))",
        rf"(?:interpreting|translating|speaking|signing) for (?:mr|mrs|ms|miss|dr|{_THEM}|the|my|our|an?) ?\w*",
        r"(?:acting|speaking|calling|ringing|asking) (?:for|on behalf of) (?:the |an? |my |our )(?:\w+'s |\w+ )?(?:director|company|firm|estate|owner|employer|trust|charity|landlord|tenants?)",
        r"(?:i'm|i am) (?:the|his|her|their) landlord(?: \w+){0,8} tenants?(?:'s)?",
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
    r"social services|probation(?: service)?|dwp|department for work and pensions|job ?centre|trading standards|housing association|citizens advice|ofgem|ofcom|ombudsman|inland revenue|compliance(?: team| department)?|internal audit|regulator|financial conduct authority|fca|interpol|immigration)"
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
        r"(?:i'm|i am) (?:a|an|the) (?:bailiff|police ?(?:man|woman|officer)|detective|tax inspector|court officer|civil servant)(?! (?:\w+ )?(?:do|can|could|would|is there|does|on|and (?:would|want|wonder)))",
        r"(?:this|it) is the (?:county |crown |high |magistrates |family |coroner's )*court",
        r"(?:i'm|i am|we're|we are) (?:the |a |an )?(?:court |enforcement |high court )(?:appointed )?(?:officer|bailiff|agent)s?",
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
    version = "3"
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
