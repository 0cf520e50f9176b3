"""What a tool is asked with, judged before the tool runs: no orders to a model, no code, nothing endless.

Who may ask about what is settled elsewhere, object by object (``agent_core.authorisation``). This is for the values
themselves: what other systems would take for more than data.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from agent_core.guardrails._injection_patterns import MARKUP, ORDERS
from agent_core.guardrails._text import spans
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


class ToolArgumentsReason(Reason):
    INSTRUCTION = "tool_arguments_instruction"
    MARKUP = "tool_arguments_markup"
    LONG = "tool_arguments_long"


_LONGEST = 200  # characters of one value: more than any name, reference or reason that a caller speaks
_MARKUP = re.compile(
    r"<\s*/?\s*[a-z!]"  # a tag
    r"|\$\{|\{\{|\{%"  # templates, lookups
    r"|\.\./|\.\.\\"  # out of a folder
    r"|\b[a-z][a-z0-9+.-]{1,11}://"  # an address that a system would fetch
    r"|['\")]\s*\)*\s*;|;\s*--|/\*|\*/|--\s*$"  # the end of a statement
    r"|\b(?:or|and)\s+['\"]?\d+['\"]?\s*=\s*['\"]?\d+"
    r"|\bunion\s+(?:all\s+)?select\b|\bdrop\s+table\b|\bdelete\s+from\b|\binsert\s+into\b|\bupdate\s+\w+\s+set\b"
    r"|;\s*(?:rm|cat|curl|wget|sh|bash|nc|python)\b|\$\(|`|\|\s*(?:sh|bash)\b"  # a shell
    r"|\)\s*\(\s*[|&!]?\s*\(?\w+=|\*\)\("  # a directory's query
    r"|\r|\n",
    re.IGNORECASE,
)


class ToolArguments:
    name = "tool_arguments"
    version = "2"
    inputs = (Input.ARGUMENTS,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = False
    budget_ms = 5
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        found: dict[ToolArgumentsReason, list[Span]] = {}
        start = 0
        for name in sorted(subject.arguments):
            value = subject.arguments[name]
            for reason, span in _found(value):
                found.setdefault(reason, []).append(Span(start + span.start, start + span.end))
            start += len(value) + 1
        if not found:
            return PASSED
        return blocked(*found, evidence=tuple({span for each in found.values() for span in each}))


def _found(value: str) -> Iterator[tuple[ToolArgumentsReason, Span]]:
    for span in spans(ORDERS, value):
        yield ToolArgumentsReason.INSTRUCTION, span
    for pattern in (_MARKUP, MARKUP):
        for span in spans(pattern, value):
            yield ToolArgumentsReason.MARKUP, span
    for index, character in enumerate(value):
        if unicodedata.category(character) in ("Cc", "Cf"):  # control characters, and those that turn a text around
            yield ToolArgumentsReason.MARKUP, Span(index, index + 1)
    if len(value) > _LONGEST:
        yield ToolArgumentsReason.LONG, Span(_LONGEST, len(value))


GUARDRAIL = ToolArguments()
