"""Whether a tool may run: decided by the subject, object by object and argument by argument, never by a model's text.

Pure: the owner decides by it, a replay decides again, and the executor asks it once more before it touches anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from agent_core.guardrails._numbers import digit_runs
from agent_core.subject import Level, Subject
from agent_core.tools import registry
from agent_core.tools.base import ObjectOf, Tool, ToolArguments
from schemas.facts import OwnObject


class Refusal(StrEnum):
    """Why a tool may not run; ends up in an event."""

    NOT_AUTHENTICATED = "not_authenticated"
    LEVEL_TOO_LOW = "level_too_low"
    EXPIRED = "expired"  # the level was held, and time took it
    OTHER_SUBJECT = "other_subject"  # the caller names an object that isn't the subject's
    OBJECT_UNCLEAR = "object_unclear"  # none is named, and the subject has none or several
    NO_SUCH_TOOL = "no_such_tool"


SIGN_IN = frozenset({Refusal.NOT_AUTHENTICATED, Refusal.LEVEL_TOO_LOW, Refusal.EXPIRED})
WHICH_ONE = frozenset({Refusal.OTHER_SUBJECT, Refusal.OBJECT_UNCLEAR})


class Authorised(NamedTuple):
    """``subject_seq``: of the fact that gave the level."""

    tool: Tool
    arguments: ToolArguments
    subject_seq: int


def authorise(tool_name: str, subject: Subject | None, question: str, at_us: int) -> Authorised | Refusal:
    """``question``: the caller's words; digits in them name one of several objects. ``at_us``: ``accepted_at_us``."""
    tool = registry.every().get(tool_name)
    if tool is None:
        return Refusal.NO_SUCH_TOOL
    if subject is None:
        return Refusal.NOT_AUTHENTICATED
    authentication = subject.authentication(tool.level, at_us)
    if authentication is None:
        return Refusal.EXPIRED if subject.ever_held(tool.level) else Refusal.LEVEL_TOO_LOW
    values: dict[str, str] = {}
    for name, source in tool.sources.items():
        value = _object_id(subject, source.kind, question) if isinstance(source, ObjectOf) else subject.subject_id
        if isinstance(value, Refusal):
            return value
        values[name] = value
    return Authorised(tool, tool.arguments(**values), authentication.seq)


def still_authorised(tool: Tool, arguments: ToolArguments, subject: Subject | None, at_us: int) -> int | Refusal:
    """The seq of the fact that gives the level, where the subject holds it now and every argument is theirs."""
    if subject is None:
        return Refusal.NOT_AUTHENTICATED
    if not belongs_to(subject, tool, arguments):
        return Refusal.OTHER_SUBJECT
    authentication = subject.authentication(tool.level, at_us)
    if authentication is None:
        return Refusal.EXPIRED if subject.ever_held(tool.level) else Refusal.LEVEL_TOO_LOW
    return authentication.seq


def required_level(tool_name: str) -> Level:
    """``NONE`` where there is no such tool."""
    tool = registry.every().get(tool_name)
    return tool.level if tool else Level.NONE


def belongs_to(subject: Subject, tool: Tool, arguments: ToolArguments) -> bool:
    """Whether every argument is this subject's."""
    own = {(thing.kind, thing.id) for thing in subject.objects}
    return all(
        (source.kind, value) in own if isinstance(source, ObjectOf) else value == subject.subject_id
        for name, source in tool.sources.items()
        for value in [getattr(arguments, name)]
    )


def _object_id(subject: Subject, kind: str, question: str) -> str | Refusal:
    """The object that the caller names; where they name none, the only one that the subject has."""
    own = [thing for thing in subject.objects if thing.kind == kind]
    said = [run.digits for run in digit_runs(question)]
    if said:
        named = [thing for thing in own if any(_names(digits, thing) for digits in said)]
        return named[0].id if len(named) == 1 else Refusal.OBJECT_UNCLEAR if named else Refusal.OTHER_SUBJECT
    return own[0].id if len(own) == 1 else Refusal.OBJECT_UNCLEAR


def _names(digits: str, thing: OwnObject) -> bool:
    """``digits`` may be the whole number: it ends as the object is said."""
    return bool(thing.said_as) and digits.endswith(thing.said_as)
