"""What a tool is to be asked with is judged before it is asked: verdicts, in the same step and before the request.

Part of the decider of tools. Only guardrails that need no scores judge arguments: a tool never waits for a model.
"""

from __future__ import annotations

from agent_core.conversation import Conversation, Turn
from agent_core.guardrails.base import Stage
from agent_core.judging import arguments_subject, judge
from agent_core.targets import guards_of
from agent_core.tools.base import read_result
from processors.guarding import verdict_of
from schemas import decisions as d


def verdicts_on(conversation: Conversation, turn: Turn, intent: str, arguments: str) -> tuple[d.VerdictIssued, ...]:
    """One of each guardrail that behaviour sets for arguments. ``arguments``: JSON, as the request would have it."""
    behaviour = conversation.behaviour
    names = guards_of(conversation.behaviour_hash, behaviour, Stage.ARGUMENTS)
    if not names:
        return ()
    subject = arguments_subject(conversation, turn, intent, read_result(arguments))
    judged = ((name, judge(behaviour, name, subject)) for name in names)
    return tuple(verdict_of(conversation, turn, name, "", judgement, Stage.ARGUMENTS) for name, judgement in judged)


def refused_by(verdicts: tuple[d.VerdictIssued, ...]) -> str:
    """Why the tool may not be asked with this, as ``ToolRefused`` has it; empty where it may."""
    return next((f"blocked:{verdict.guardrail}" for verdict in verdicts if verdict.required and not verdict.passed), "")
