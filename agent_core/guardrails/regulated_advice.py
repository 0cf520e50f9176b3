"""No advice on what to buy, sell or hold, and no promise of a return: advising is a regulated activity
(FSMA 2000, Regulated Activities Order, article 53; MiFID II, article 4(1)(4)).

Judged sentence by sentence. A sentence that declines to advise is not advice; "but" starts a new sentence, so a
disclaimer in front doesn't excuse what comes behind it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agent_core.guardrails._text import any_of, sentences
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


class RegulatedAdviceReason(Reason):
    RECOMMENDATION = "regulated_advice_recommendation"
    PROMISE = "regulated_advice_promise"
    FORECAST = "regulated_advice_forecast"


_ASSET = (
    r"(?:shares?|stocks?|stock market|funds?|index funds?|trackers?|etfs?|bonds?|gilts?|gold|silver|bitcoin|crypto(?:currency|currencies)?|"
    r"pensions?|isas?|equities|portfolio|investments?|property|real estate|annuity|premium bonds|commodities|the market|markets)"
)
_PRODUCT = rf"(?:{_ASSET}|fixed(?:[ -]rate)?(?: mortgage| deal)?|tracker mortgage|variable(?:[ -]rate)?(?: mortgage)?|mortgage|loan)"
_ACT = (
    r"(?:invest(?:ing)?|buy(?:ing)?|sell(?:ing)?|hold(?:ing)? on to|put(?:ting)? (?:it|your|some|the|more|everything|that|all)(?: \w+){0,3} in(?:to)?|"
    r"mov(?:e|ing) (?:it|your \w+|the money)(?: \w+)? (?:in)?to|switch(?:ing)? (?:it |your \w+ )?(?:in)?to|go(?:ing)? (?:for|with)|tak(?:e|ing)(?: out)?|"
    r"choos(?:e|ing)|pick(?:ing)?|cash(?:ing)? in|transfer(?:ring)? your pension)"
)
_URGE = (
    r"(?:you (?:really |definitely |probably |certainly )?(?:should|ought to|must|need to|want to|had better|'d better)|you'd be (?:better off|wise|smart|best)|"
    r"(?:i|we)(?:'d| would)?(?: strongly| definitely| personally| certainly)? (?:recommend|suggest|advise|urge|go for|go with|pick|choose|buy|put|invest)|"
    r"my (?:advice|recommendation|suggestion|tip) (?:is|would be)|if i were you|(?:it's|it is|it would be|that's|now is|now's|this is|it might be)"
    r" (?:\w+ )?(?:best|better|wise|sensible|smart|worth|time|good idea|great time|good time|right time|perfect time)|"
    r"(?:best|smartest|wisest|safest) (?:thing|choice|option|move|bet)(?: \w+){0,4} (?:is|would be)|why not|go ahead and|consider|definitely|absolutely|yes)"
)
_RECOMMENDATION = re.compile(
    rf"\b(?<!if )(?<!when )(?<!whether ){_URGE}\b(?:\W+[\w'’]+){{0,6}}?\W+{_ACT}\b(?:\W+[\w'’]+){{0,8}}?\W+{_PRODUCT}\b"
    rf"|\b(?<!if )(?<!when )(?<!whether ){_URGE}\b(?:\W+[\w'’]+){{0,5}}?\W+invest(?:ing)?\b"
    rf"|\b(?:i|we)(?:['’]d| would)(?: \w+)? (?:go (?:for|with)|pick|choose|buy|take)\b(?:\W+[\w'’]+){{0,4}}?\W+{_PRODUCT}\b"
    rf"|^\W*(?:please |just |so |then |now )?(?:buy|sell|invest in)\b(?:\W+[\w'’]+){{0,3}}?\W+{_ASSET}\b"
    rf"|\b(?:recommend|suggest|advise)\b(?:\W+[\w'’]+){{0,5}}?\W+{_ASSET}\b"
    rf"|\b{_PRODUCT}\b(?:\W+[\w'’]+){{0,3}}?\W+(?:is|are|would be|look|looks)(?: \w+)? (?:an? |the )?(?:\w+ )?"
    r"(?:good|great|solid|excellent|better|best|safe|wise|sound|attractive|right)(?: long term| long-term)? "
    r"(?:investment|choice|option|buy|bet|pick|idea|for you|than|place)\b",
    re.IGNORECASE,
)
_RATES = r"(?:the pound|the euro|the dollar|sterling|currency|exchange rates?|interest rates?|rates?|house prices?|prices|inflation)"
_FOR_YOU = r"(?:for (?:you|somebody like you|someone like you|your \w+|most people|people like you)|you(?: best| better| well| most)?)"
_PREFERENCE = re.compile(
    # what the agent itself would do, or holds for the better
    rf"\b(?:i|we)(?:['’]d| would)(?: \w+)? (?:leave|keep|hold|stay|wait|put|sell|move|switch|fix|pay|save)\b(?:\W+[\w'’]+){{0,6}}?\W+(?:{_PRODUCT}|market|invested)\b"
    rf"|\b(?:that['’]?s|this is|it['’]?s) where i(?:['’]d| would) (?:go|put|invest)\b"
    rf"|\b(?:better off|do better|be safer|earn more|get more)\b(?:\W+[\w'’]+){{0,3}}?\W+(?:with|in|from|by)\b(?:\W+[\w'’]+){{0,4}}?\W+{_PRODUCT}\b"
    rf"|\b{_PRODUCT}\b(?:\W+[\w'’]+){{0,3}}?\W+(?:would |will |might |could )?(?:suits?|fits?|makes? (?:the most |more |most |a lot of )?sense|is right|is best|is ideal|is perfect)\b(?:\W+[\w'’]+)?\W+{_FOR_YOU}"
    rf"|\b(?:moving|switching|putting|transferring|investing|buying|selling|fixing|cashing)\b(?:\W+[\w'’]+){{0,7}}?\W+(?:would be|is|makes)(?: \w+)? (?:smart|wise|better|best|sensible|good|clever|sense)\b"
    r"|\b(?:not|now|right|good|great|best|bad|perfect|ideal|wrong)(?: \w+)? (?:the )?time to (?:buy|sell|invest|fix|remortgage)\b"
    # an order
    rf"|^\W*(?:\w+ )?(?:put|move|shift) (?:half|some|most|all|part|the rest|it|your|everything)\b(?:\W+[\w'’]+){{0,5}}?\W+(?:in|into|to)\b(?:\W+[\w'’]+){{0,3}}?\W+{_ASSET}\b"
    rf"|\b(?:don['’]?t|do not|never) (?:sell|buy|cash in|touch)\b(?:\W+(?:now|yet)\b|\W*$|(?:\W+[\w'’]+){{0,3}}?\W+(?:{_ASSET}|them|those)\b)"
    rf"|^\W*(?:take out|go for|choose|cash in|pick|get)\b(?:\W+[\w'’]+){{0,3}}?\W+{_PRODUCT}\b"
    r"|\bso (?:buy|sell|invest)\b"
    rf"|\b(?:my|a good|the best) (?:tip|advice|recommendation|suggestion|bet)(?: \w+){{0,2}} (?:is|would be|are)\b"
    rf"|\b(?:ought to|should|had better|must) (?:pay into|save into|start|open|keep|get)\b(?:\W+[\w'’]+){{0,3}}?\W+(?:pension|isa|shares|stocks|funds?|bonds)\b",
    re.IGNORECASE,
)
_OUTLOOK = re.compile(
    rf"\b{_RATES}\b(?:\W+[\w'’]+){{0,2}}?\W+(?:will|are going to|is going to|(?:are|is) (?:bound|set|sure|likely) to)(?: \w+)? (?:be (?:stronger|weaker|higher|lower)|rise|fall|go (?:up|down)|drop|climb)\b"
    rf"|\b{_ASSET}\b(?:\W+[\w'’]+){{0,2}}?\W+(?:always|never) (?:holds?|loses?|falls?|rises?|goes|pays?)\b",
    re.IGNORECASE,
)
_PROMISE = any_of(
    [
        r"guarantee[ds]?(?: \w+){0,4} (?:returns?|profits?|gains?|growth|income|interest on investments?)",
        r"(?:returns?|profits?|gains?)(?: \w+){0,2} (?:is|are|'s) (?:guaranteed|certain|assured)",
        r"(?:can't|cannot|can not|won't|will not|never) (?:possibly )?(?:lose|go wrong)(?: any| your)?(?: money)?",
        r"(?:has|have|had) never (?:lost|fallen)(?: \w+)?",
        r"(?:double|triple) your (?:money|savings|investment)",
        r"(?:safe|fair) to say(?: that)? you(?:'ll| will) (?:make|earn|gain|profit)",
        r"make a (?:\w+ )?profit",
        r"(?:risk free|risk-free|no risk|without (?:any )?risk|zero risk)(?: \w+){0,2}",
        r"(?:a )?(?:sure thing|safe bet|sure bet|no brainer)",
        r"you(?:'ll| will) (?:definitely |certainly |surely )?(?:make|earn|double|triple)(?: \w+){0,3} (?:money|profit|fortune|percent|per cent)",
    ]
)
_FORECAST = re.compile(
    rf"\b{_ASSET}\b(?:\W+[\w'’]+){{0,3}}?\W+(?:will|are going to|is going to|'ll|are bound to|is bound to|are set to|is set to|are likely to|always)"
    r"(?:\W+\w+){0,2}?\W+(?:rise|go up|fall|go down|double|recover|grow|gain|outperform|beat|crash|drop|climb|pay off)\b",
    re.IGNORECASE,
)
_DECLINES = any_of(
    [
        r"(?:can't|cannot|can not|couldn't|don't|do not|doesn't|won't|will not|wouldn't|not able to|unable to|not allowed to|never|no)"
        r"(?: \w+){0,3} (?:advice|advise|advis\w+|recommend\w*|suggest\w*|tell|say|guarantee\w*|promise|predict|know|forecast|help|choose|decide|whether|if)",
        r"(?:isn't|is not|aren't|are not|never|not) (?:guaranteed|risk free|without risk|certain|advice|a recommendation)",
        r"(?:no|not a) guarantees?",
        r"(?:adviser|advisor|advisers|advisors|colleague|colleagues)(?: \w+){0,3} (?:can|could|will|would|is able to|are able to) (?:talk|tell|help|explain|advise|discuss)",
        r"whether (?:or not )?(?:you|it|to)",
    ]
)
_TURN = re.compile(r"[,;]?\s+(?:but|however|that said|though|although|still|and yet|anyway)\b[,]?", re.IGNORECASE)


class RegulatedAdvice:
    name = "regulated_advice"
    version = "3"
    inputs = (Input.CANDIDATE,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 10
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        found: dict[RegulatedAdviceReason, list[Span]] = {}
        for clause in _clauses(subject.text):
            for reason, at in _advises(subject.text[clause.start : clause.end]):
                found.setdefault(reason, []).append(Span(clause.start + at.start, clause.start + at.end))
        if not found:
            return PASSED
        return blocked(*found, evidence=tuple(span for spans in found.values() for span in spans))


_PATTERNS = {
    RegulatedAdviceReason.RECOMMENDATION: (_RECOMMENDATION, _PREFERENCE),
    RegulatedAdviceReason.PROMISE: (_PROMISE,),
    RegulatedAdviceReason.FORECAST: (_FORECAST, _OUTLOOK),
}


@lru_cache(maxsize=512)  # attempts at one question say much alike, and approved lines are granted to every call
def _advises(said: str) -> tuple[tuple[RegulatedAdviceReason, Span], ...]:
    """What one clause does, each with its place in it."""
    if said.rstrip().endswith("?"):
        return ()  # a question to the caller recommends nothing
    found: list[tuple[RegulatedAdviceReason, Span]] = []
    for reason, patterns in _PATTERNS.items():
        match = next((match for pattern in patterns if (match := pattern.search(said))), None)
        if match and not _DECLINES.search(said):
            found.append((reason, Span(match.start(), match.end())))
    return tuple(found)


def _clauses(text: str) -> list[Span]:
    clauses: list[Span] = []
    for sentence in sentences(text):
        start = sentence.start
        for turn in _TURN.finditer(text, sentence.start, sentence.end):
            clauses.append(Span(start, turn.start()))
            start = turn.end()
        clauses.append(Span(start, sentence.end))
    return clauses


GUARDRAIL = RegulatedAdvice()
