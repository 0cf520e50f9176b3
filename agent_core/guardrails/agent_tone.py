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
            rf"(?:that's|that is|what) (?:an? )?(?:\w+ )?{_INSULT} (?:question|idea|thing to (?:ask|say|do))",
            rf"(?:you're|you are|you were|are you)(?: \w+){{0,2}} (?:{_INSULT}|deaf|blind|useless|confused again)",
            r"(?:i|we)(?:'ve| have)? (?:already|just) told you(?: \w+)?(?: that| this| twice| before)",
            r"(?:weren't|aren't|are|were) you (?:even )?(?:listening|paying attention)",
            r"calm down",
            r"(?:not|isn't) (?:my|our) (?:problem|fault|job)",
            r"(?:waste|wasting) (?:my|our) time",
            r"you (?:clearly|obviously) (?:don't|do not|can't|didn't|haven't)",
            r"shut (?:up|it)",
            r"be quiet",
            r"what(?:'s| is) (?:wrong|the matter) with you",
            r"(?:anyone|anybody|everyone|everybody|a child) (?:can|could|knows)(?: \w+){0,2}(?: do)?(?: that| this| how)?",
            r"you (?:people|lot)",
            r"(?:stop|quit) (?:complaining|whining|moaning|shouting|asking|wasting)",
            r"(?:your own|it's your) fault",
            r"(?:too|so) (?:lazy|stupid|slow|careless) to",
        ]
    ),
    AgentToneReason.PRESSURING: any_of(
        [
            r"(?:decide|sign|agree|buy|choose|say yes|answer) (?:right )?(?:now|today|immediately) or",
            r"(?:you )?(?:must|have to|need to) (?:decide|agree|sign|say yes|accept|buy)(?: \w+)? (?:right now|now|today|immediately)",
            r"(?:your |the )?last chance",
            rf"you(?:'d| would) be (?:\w+ )?{_INSULT} (?:not to|to)",
            r"every(?:one|body) else (?:has|is|does|did|already)",
            r"hurry(?: up)?(?: before| or)",
            r"before it's too late",
            r"(?:you will|you'll|going to) (?:regret|be sorry)",
            r"you have no (?:choice|option)",
            r"(?:act|call|buy|sign) now",
            r"(?:don't|do not|no need to|stop) think(?:ing)?(?: about it)?(?: \w+){0,2}(?: too)? (?:long|hard|much|twice)",
            r"just say yes",
            r"or (?:the deal|the offer|it|you)(?:'s| is|'ll| will be| will) (?:gone|lose|miss)",
        ]
    ),
    AgentToneReason.SARCASTIC: any_of(
        [
            r"(?:oh|wow|ah|yeah|well)\,? (?:great|brilliant|wonderful|fantastic|lovely|perfect|sure|what a surprise)\,? (?:another|just|because|now|you|here|again|that)",
            r"(?:well done|congratulations|nice one|bravo),? (?:genius|einstein|sherlock|you managed|you've managed|for (?:losing|forgetting))",
            r"(?:managed|succeeded) (?:to|in) (?:lock|los|forget|break|block)\w*",
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
    version = "1"
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
