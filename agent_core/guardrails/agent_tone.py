"""How the agent doesn't talk to a caller: rude, pressing, sarcastic.

A matter of manners, not of law: where it can't judge, the answer is given.
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
    Span,
    Verdict,
    blocked,
)


class AgentToneReason(Reason):
    RUDE = "agent_tone_rude"
    PRESSURING = "agent_tone_pressuring"
    SARCASTIC = "agent_tone_sarcastic"


_INSULT = r"(?:stupid|dumb|silly|foolish|idiotic|ridiculous|lazy|ignorant|careless|thick|incompetent|mad|crazy)"
_PATTERNS = {
    AgentToneReason.RUDE: any_of(
        [
            r"(?:you're|you are) (?:just |simply )?not (?:listening|paying attention|making (?:any )?sense|trying)",
            r"(?:had you|if (?:you'd|you had|you would(?:'ve| have)?|you)(?: only| just)?) (?:been )?(?:paid attention|listened|listening|bothered|read (?:it|that|the \w+)(?: properly)?|paying attention)",
            r"how (?:many times|often) (?:do|must|should|have) (?:i|we)",
            r"(?:i've|i have|we've) (?:\w+ )?(?:explained|said|told you|repeated)(?: \w+){0,2} (?:twice|\w+ times|often enough|over and over)",
            r"(?:half a|no|a|any) brains?(?= (?:would|could|can|cell|knows)|[.!?]|$)",
            r"you (?:always|never) (?:leave|learn|listen|forget|lose|complain|think|bother|get it|do this|do that)",
            r"(?:haven't|have not|don't have|have no|no)(?: \w+){0,2} time for (?:this|that|you)",
            r"can't you (?:even |just )?(?:read|hear|listen|see|count|speak|understand|think|follow)",
            r"wast(?:e|ing) (?:my|our|your own|every(?:body|one)'s|people's|other people's) time",
            r"(?:stop|quit) \w+ing (?:me|us)",
            r"(?:brought (?:this|it|that) on yourself|(?:yourself|nobody|no one)(?: \w+){0,2} to blame|only yourself)",
            r"what happens (?:when|if) you (?:don't|never|ignore|forget)",
            r"(?:you )?(?:should|could|might) (?:be|at least be) (?:grateful|thankful|ashamed|embarrassed)",
            r"(?:suit|please) yourself",
            r"speak (?:properly|normally|english)",
            r"can't understand a word",
            r"(?:have to|must|need to) be (?:blind|deaf|joking|kidding|stupid|daft|thick)",
            r"what (?:is it|do you want|is the problem|'s wrong) now(?=[.!?]|$)",
            r"just (?:sign|do|say|pay|take|answer|listen)(?: \w+){0,3},? will you",
            r"use your (?:head|brain|eyes|ears|common sense)",
            r"(?:obviously|clearly|typically) (?:you|you've|you have) (?:\w+ )?(?:done|got|made|typed|entered|broken|missed|forgotten|messed|wrong)",
            r"you (?:can't|cannot) be serious",
            r"(?:you|do you|don't you|can't you|couldn't you)(?: \w+)? even (?:know|read|remember|listen|try|understand|bother)",
            rf"only (?:an? |some )?(?:{_INSULT}|idiot|fool|moron|child)(?: \w+)? (?:would|could|does)",
            r"you(?:'re| are) (?:an? |such an? )?(?:\w+ )?(?:idiot|fool|moron|liar|nuisance|pain|time ?waster)",
            r"(?:maybe|perhaps|next time|why don't you)(?: you)?(?: should| could)? (?:try|start)? ?(?:reading|listening|paying attention|thinking)(?: \w+){0,3} (?:next time|first|for once|instead)",
            r"(?:are|is) you(?: \w+)? (?:thick|dense|slow|daft)",
            r"(?:you're|you are) (?:being|getting) (?:\w+ )?(?:difficult|unreasonable|rude|hysterical|dramatic|silly|annoying|childish|impossible)",
            r"(?:deal|live) with it(?=[.!]|$)",
            r"(?:stop|quit) (?:being|acting)(?: so)? \w+",
            r"(?:i|we) (?:haven't|have not|don't) (?:got )?(?:all day|time for (?:this|that|you))",
            r"(?:what part of|which part of)(?: \w+){1,4} (?:don't|didn't) you",
            r"(?:i|we)(?:'m| am|'ve| have)? (?:tired|sick|had enough|fed up)(?: \w+)? (?:of|with) (?:you|your|this|repeating|explaining)",
            r"(?:whatever|tough(?: luck)?|so what|big deal|who cares|boo[- ]?hoo|poor you|poor thing|cry me a river|yawn|duh|as if)(?=[.!]|$)",
            r"mind your own business",
            r"don't (?:you )?(?:take that tone|talk back|interrupt me|argue|get smart)",
            rf"(?:that's|that is|what) (?:an? )?(?:\w+ )?{_INSULT} (?:question|idea|thing to (?:ask|say|do))",
            rf"(?:you're|you are|you were|are you)(?: \w+){{0,2}} (?:{_INSULT}|deaf|blind|useless|confused again)",
            r"(?:i|we)(?:'ve| have)? (?:already|just) told you(?: \w+)?(?: that| this| twice| before)",
            r"(?:weren't|aren't|are|were) you (?:even )?(?:listening|paying attention)",
            r"calm down",
            r"(?:not|isn't) (?:my|our) (?:problem|fault|job)",
            r"(?:waste|wasting) (?:my|our) time",
            r"you (?:clearly|obviously) (?:don't|do not|can't|didn't|haven't|weren't|aren't|won't)",
            r"(?:clearly|obviously) you (?:don't|do not|can't|didn't|haven't|weren't|aren't|won't)",
            r"shut (?:up|it)",
            r"be quiet",
            r"what(?:'s| is) (?:wrong|the matter) with you",
            r"(?:even )?a child (?:can|could|knows)",
            r"(?:anyone|anybody|everyone|everybody) (?:can|could) (?:do|see|understand|manage|answer) (?:that|this|it)",
            r"(?:anyone|anybody|everyone|everybody) knows (?:that|this|how|it)",
            r"(?:not|isn't|hardly) rocket science",
            r"don't be (?:so )?(?:\w+ )?(?:ridiculous|silly|stupid|daft|difficult|dramatic)",
            r"get over it",
            r"(?:i|we) (?:don't|do not|couldn't) care(?! (?:about your data|to))",
            r"as (?:i|we)(?:'ve| have)? (?:already )?(?:said|told you) (?:\w+ times|twice|before|already)",
            r"you should(?:'ve| have) (?:thought|known|read|listened)",
            r"(?:do|can|don't) you (?:even )?(?:understand|speak)(?: \w+)? english",
            r"listen to me for once",
            r"you (?:people|lot)",
            r"(?:stop|quit) (?:complaining|whining|moaning|shouting|asking|wasting)",
            r"(?:your own|it's your) fault",
            r"(?:too|so) (?:lazy|stupid|slow|careless) to",
        ]
    ),
    AgentToneReason.PRESSURING: any_of(
        [
            r"any (?:\w+ )?(?:sensible|normal|reasonable|sane|intelligent|smart) (?:person|customer|man|woman|adult)",
            r"if you don't (?:take|sign|buy|accept|agree|decide|do)(?: \w+){0,2} (?:now|today|right away|this minute)",
            r"(?:no|not any|isn't any) reason (?:at all )?to (?:hesitate|think|wait)",
            r"you(?:'ll| will| really)? (?:must|have to|need to) (?:decide|agree|accept|commit|say yes)(?: \w+){1,3} (?:right now|now|today|immediately)",
            r"every(?:one|body) else (?:\w+ )?(?:manages?|managed|gets?|got|knows|can|could|understands?|pays|signs?|agrees?|takes?)",
            r"(?:others|other (?:customers|callers|people)) (?:are|is)(?: \w+)? waiting(?!,? but (?:please )?(?:take|there's no))",
            r"hurry up",
            r"(?:i'd|i would|you'd better|you should|better) think (?:twice|again|hard|carefully) (?:before|about) (?:saying no|refusing|declining|turning|cancelling|leaving)",
            r"(?:this|the|that) (?:offer|deal|price|rate) (?:won't|will not|isn't going to|is only) (?:last|be here|come back|available|good) ?(?:today|now|long|again|for long)?",
            r"(?:you|you'd) (?:really )?(?:don't want to|wouldn't want to) miss (?:this|out|that)",
            r"(?:now or never|take it or leave it|once it's gone)",
            r"i need (?:an|your) answer (?:right )?now",
            r"(?:decide|sign|agree|buy|choose|say yes|answer) (?:right )?(?:now|today|immediately) or",
            r"you(?:'ll| will| really| just)? (?:must|have to|need to) (?:decide|agree|sign|say yes|accept|buy)(?: \w+)? (?:right now|now|today|immediately)",
            r"(?:your |the )?last chance",
            rf"you(?:'d| would) be (?:\w+ )?{_INSULT} (?:not to|to)",
            r"every(?:one|body) else (?:has|is|does|did|already)",
            r"hurry(?: up)?(?: before| or)",
            r"before it's too late",
            r"(?:you will|you'll|going to) (?:regret|be sorry)",
            r"you have no (?:choice|option)(?! (?:of|for|to)\b)",
            r"(?:act|call|buy|sign) now",
            r"(?:don't|do not|no need to|stop) think(?:ing)?(?: about it)?(?: \w+){0,2}(?: too)? (?:long|hard|much|twice)",
            r"just say yes",
            r"or (?:the deal|the offer|it|you)(?:'s| is|'ll| will be| will) (?:gone|lose|miss)",
        ]
    ),
    AgentToneReason.SARCASTIC: any_of(
        [
            r"(?:well done|congratulations|congrats|bravo|nice work|nice one|great job|good job),? you(?:'ve| have)? (?:\w+ )?(?:locked|broke|broken|lost|forgot|forgotten|missed|failed)",
            r"(?:well done|congratulations|congrats|bravo|nice work|great job|good job),? (?:on|for) (?:locking|losing|forgetting|breaking|missing|failing)",
            r"what an? (?:genius|brilliant|clever|great|marvellous|bright) (?:idea|plan|move|question)",
            r"(?:worked|went|turned out) (?:so|really) well(?: \w+){0,2} (?:last time|before|for you)",
            r"(?:here we go|not this|you) again(?=[.!?]|$)",
            r"(?:want|deserve|expect|like) a (?:medal|prize|round of applause)",
            r"(?:well|so|and|but)? ?what did you expect",
            r"(?:wow|oh|ah|gosh|goodness),? (?:it |that )?(?:only )?(?:took|takes) you",
            r"(?:thanks|thank you) for nothing",
            r"(?:aren't|isn't) that (?:just )?(?:lovely|wonderful|great|clever)",
            r"(?:yeah|oh),? right(?=[.!]|$)",
            r"(?:i'm|i am) (?:so |really )?(?:shocked|amazed|impressed) (?:that )?you (?:managed|worked|found|remembered|can)",
            r"(?:my|your) heart bleeds",
            r"shall i (?:draw|spell|chew)(?: \w+){0,3} (?:picture|out for you)",
            r"(?:oh|wow|ah|yeah|well)\,? (?:great|brilliant|wonderful|fantastic|lovely|perfect|sure|what a surprise)\,? (?:another|just|because|now|you|here|again|that)",
            r"(?:well done|congratulations|nice one|bravo),? (?:genius|einstein|sherlock|you managed|you've managed|for (?:losing|forgetting))",
            r"(?:managed|succeeded) (?:to|in) (?:lock yourself|lockin\w+ yourself|los\w+|forget\w*|break\w*)",
            r"what a (?:surprise|shock)",
            r"how (?:clever|smart|brilliant|wise) of you",
            r"(?:just )?what (?:i|we) (?:needed|wanted)(?: \w+)? (?:today|now)",
            r"(?:because|since) (?:\w+ing|that) is (?:so|really|just so) (?:hard|difficult)",
            r"good luck with that",
            r"(?:aren't|are) you (?:the |a )?(?:smart|clever|funny)(?: one)?",
            r"(?:yet|once) again(?:,| you)? (?:forgot|lost)",
        ]
    ),
}


class AgentTone:
    name = "agent_tone"
    version = "4"
    inputs = (Input.CANDIDATE,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 10
    on_failure = OnFailure.OPEN
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        found: dict[AgentToneReason, tuple[Span, ...]] = {}
        for reason, pattern in _PATTERNS.items():
            if evidence := spans(pattern, subject.text):
                found[reason] = evidence
        if not found:
            return PASSED
        return blocked(*found, evidence=tuple({span for each in found.values() for span in each}))


GUARDRAIL = AgentTone()
