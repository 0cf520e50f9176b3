"""Topics that this company's agent keeps out of, by the phrases that behaviour lists for each.

On input the question isn't answered (what is said instead is for the policy); on output the candidate isn't spoken.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from agent_core.guardrails._text import any_of, spans
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Stage,
    Verdict,
    blocked,
)


class ForbiddenTopicReason(Reason):
    ASKED = "forbidden_topic_asked"
    SAID = "forbidden_topic_said"


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``input``/``output``: phrases, whole words, case-blind. A topic without output phrases uses the input's."""

    name: str
    input: tuple[str, ...]
    output: tuple[str, ...] = ()


class ForbiddenTopicsOptions(GuardOptions, frozen=True):
    topics: tuple[Topic, ...]


class ForbiddenTopics:
    name = "forbidden_topics"
    version = "1"
    inputs = (Input.CALLER, Input.CANDIDATE)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 5
    on_failure = OnFailure.CLOSED
    options_type = ForbiddenTopicsOptions

    def judge(self, subject: GuardInput) -> Verdict:
        options = subject.read_options(ForbiddenTopicsOptions)
        asked = subject.stage is Stage.INPUT
        phrases = tuple(p for topic in options.topics for p in (topic.input if asked else topic.output or topic.input))
        evidence = spans(_pattern(phrases), subject.text) if phrases else ()
        if not evidence:
            return PASSED
        return blocked(ForbiddenTopicReason.ASKED if asked else ForbiddenTopicReason.SAID, evidence=evidence)


@lru_cache(maxsize=64)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return any_of(re.escape(phrase).replace(r"\ ", " ") for phrase in phrases)


GUARDRAIL = ForbiddenTopics()
