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
    version = "2"
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
