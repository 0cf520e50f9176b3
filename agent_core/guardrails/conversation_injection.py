"""An attack spread over several turns: an order said in pieces, or a stage that is set first and used later.

Judged over the caller's lines. It blocks the turn in which the attack is completed, and only that: a caller who played a
game and then asks for the opening hours is answered.
"""

from __future__ import annotations

from agent_core.guardrails._injection_patterns import ORDERS
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


class ConversationInjectionReason(Reason):
    SPLIT = "conversation_injection_split"
    STAGED = "conversation_injection_staged"


_SECRET = r"(?:secret|internal|hidden|confidential|private)"
_WRITTEN = r"(?:notes?|instructions?|rules?|guidelines?|limits?|thresholds?|prompts?|codes?|handbook|manual|policies|policy|documents?)"
_STAGE = any_of(
    [
        # a stage is set
        r"(?:let's|we|shall we|can we|i want to) (?:play|do|start|have)(?: \w+){0,3} (?:game|role ?play|scenario|experiment|exercise)",
        r"(?:writing|wrote|write|tell me|telling)(?: \w+)? (?:story|novel|script|play|film|book)",
        r"(?:pretend|imagine|suppose|act (?:like|as)|behave (?:like|as)|hypothetically|let's say)",
        r"you(?:'re| are) (?:now |called )(?:\w+)",
        r"you are (?:a|an|my) \w+",
        r"this (?:\w+ )?is (?:a |only a |just a )?(?:test|drill|exercise|simulation|training)",
        # a word or an answer is agreed
        r"(?:remember|when i say|if i say|the word|codeword|password is|means)(?: \w+){0,3} (?:word|you|ignore|stop|forget)",
        r"(?:from now on|whatever i (?:say|ask)|anything i (?:say|ask)|every(?:thing)? (?:question|i ask))(?: \w+){0,4} (?:answer|say|reply|agree|yes|sure)",
        r"(?:always|have to|must|will) (?:do|answer|follow|obey|say)(?: \w+){0,2} (?:what|whatever|everything|yes|me)(?: i)?",
        r"(?:agreed|agree|promise|promised) that you",
        r"never refuses? me",
        # a role is claimed
        r"(?:engineers?|people|developers?|team|ones?|company) (?:who|that|which) (?:built|made|trains?|trained|wrote|developed|programmed|runs?) you",
        r"(?:your|the) (?:developer|creator|programmer|administrator|admin)",
    ]
)
_USED = any_of(
    [
        rf"{_SECRET} (?:\w+ )?{_WRITTEN}",
        r"(?:your|its|his|the bank's) (?:\w+ )?(?:notes|instructions|prompt|guidelines|handbook|manual|rules)",
        r"(?:rules|instructions|guidelines|orders) (?:that )?(?:you|it) (?:were|was|got|have been|has been) (?:given|told)",
        r"(?:staff|employees|agents|colleagues) (?:are|were|know|get)(?: told)?(?: \w+){0,3} customers?",
        r"customers? (?:must|may|should|are|aren't|don't|can)(?: \w+){0,2} (?:never|not)?(?: \w+)? ?(?:learn|know|hear|told|see)",
        r"(?:that|which|what) you (?:keep|have to keep|hide|aren't allowed|may not|must not|can't)(?: \w+){0,3}",
        r"(?:skip|without|bypass|no) (?:the |any )?(?:security|authentication|verification|identity) (?:check|checks|question|questions)?",
        r"(?:ignore|forget|break|drop) (?:the |your )?(?:bank's )?(?:rules|guidelines|instructions|restrictions)",
        r"(?:has|have|had|with) no (?:rules|restrictions|limits|filters?)",
    ]
)
_FILLER_WORDS = "um uh er erm sorry wait no yes okay ok right so please well hold on one moment a"
_FILLERS = frozenset(_FILLER_WORDS.split())


class ConversationInjection:
    name = "conversation_injection"
    version = "2"
    inputs = (Input.CONVERSATION,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = False
    budget_ms = 10
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        newest = len(subject.told) - len(subject.text)
        split = _split(subject, newest)
        if split:
            return blocked(ConversationInjectionReason.SPLIT, evidence=(split,))
        used = spans(_USED, subject.text)
        stages = spans(_STAGE, subject.told[:newest])
        if used and stages:
            evidence = (*stages, *(Span(newest + span.start, newest + span.end) for span in used))
            return blocked(ConversationInjectionReason.STAGED, evidence=evidence)
        return PASSED


def _split(subject: GuardInput, newest: int) -> Span | None:
    """An order that begins in an earlier line and ends in the newest, whatever was said between them to fill."""
    at = len(subject.told)
    before = at
    for line in reversed((*subject.earlier, subject.text)):
        at -= len(line)
        if before == len(subject.told):  # the newest line itself
            before = at
        elif not set(line.lower().split()) <= _FILLERS:
            joined = f"{line} {subject.text}"
            for found in spans(ORDERS, joined):
                crosses = found.start < len(line) < found.end
                if crosses and not subject.text.lower().startswith(
                    "the "
                ):  # "the rules in the letter": another subject
                    return Span(at + found.start, newest + found.end - len(line) - 1)
            return None
        at -= 1
    return None


GUARDRAIL = ConversationInjection()
