"""What a tool is: a plain async function, and what it declares about itself. One with steps changes something.

Its arguments never come from a model's text. Each says in its type where it comes from, and is checked against the
subject before the call: the subject's own id, or an object of theirs.

    class CardStatusArguments(ToolArguments, frozen=True):
        customer_id: SubjectId
        card_id: Annotated[str, ObjectOf("card")]

What a tool that writes finds first is the *state* that it is proposed on. Its steps are done one after another once the
caller has approved the proposal; when one fails, those before it are undone in reverse.
"""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import msgspec

from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.subject import Level


class Effect(StrEnum):
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class TheSubject:
    """Marks the argument that is the subject's id."""


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """Marks an argument that is the id of an object of this kind, which must be the subject's."""

    kind: str


SubjectId = Annotated[str, TheSubject()]
Source = TheSubject | ObjectOf


class ToolArguments(msgspec.Struct, frozen=True):
    """Base of a tool's arguments. Every field is a ``SubjectId`` or an ``ObjectOf``."""


class ToolResult(msgspec.Struct, frozen=True):
    """Base of a tool's result. Every field is a text that may be said as it stands: templates are filled from it."""


@dataclass(frozen=True)
class Step:
    """One change. ``operation``: its kind, as the company's system calls it. ``about``: the argument that names the object.
    ``result``: read from what the system answers. ``undoable``: whether it is taken back when a later step fails."""

    name: str
    operation: str
    about: str
    result: type[ToolResult]
    undoable: bool = False
    timeout_ms: int = 4000


@dataclass(frozen=True)
class Tool:
    """``level``: what the subject must hold. ``run`` raises ``ProviderError``. ``timeout_ms``: it is given up after;
    usually longer than a turn waits, so that a slow one still helps, or is told late. ``speculative``: whether it may run
    while the caller may still go on speaking.

    With ``steps`` it writes: ``run`` finds the state, which is read again if it is older than ``fresh_ms`` when the caller
    has approved; a proposal on it can be approved for ``valid_ms``.

    Raises ``TypeError`` where its arguments, results or steps aren't what their base says.
    """

    name: str
    description: str
    level: Level
    arguments: type[ToolArguments]
    result: type[ToolResult]
    run: Callable[[Any, CustomerRecords], Awaitable[ToolResult]]
    timeout_ms: int = 10_000
    speculative: bool = True
    steps: tuple[Step, ...] = ()
    fresh_ms: int = 30_000
    valid_ms: int = 120_000

    def __post_init__(self) -> None:
        for result in (self.result, *(step.result for step in self.steps)):
            texts = typing.get_type_hints(result)
            unsaid = [name for name in result.__struct_fields__ if texts[name] is not str]
            if unsaid:
                raise TypeError(f"tool {self.name!r}: {', '.join(unsaid)} of its result is no text")
        if len(self.sources) != len(msgspec.structs.fields(self.arguments)):
            raise TypeError(f"tool {self.name!r}: every argument is a SubjectId or an ObjectOf")
        for step in self.steps:
            if not isinstance(self.sources.get(step.about), ObjectOf):
                raise TypeError(f"tool {self.name!r}: step {step.name!r} is about {step.about!r}, which is no object")
        if self.steps and len({step.name for step in self.steps}) < len(self.steps):
            raise TypeError(f"tool {self.name!r}: two steps of one name")
        if any(not step.undoable for step in self.steps[:-1]):
            raise TypeError(f"tool {self.name!r}: a step that can't be undone must be the last")

    @property
    def effect(self) -> Effect:
        return Effect.WRITE if self.steps else Effect.READ

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Where each argument comes from."""
        hints = typing.get_type_hints(self.arguments, include_extras=True)
        marks = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
        return {
            name: mark for name, found in marks.items() for mark in found if isinstance(mark, TheSubject | ObjectOf)
        }

    @property
    def takes_objects(self) -> bool:
        return any(isinstance(source, ObjectOf) for source in self.sources.values())

    @property
    def result_fields(self) -> tuple[str, ...]:
        """What may be said of what it found, before anything was changed."""
        return self.result.__struct_fields__

    @property
    def done_fields(self) -> tuple[str, ...]:
        """What may be said once all is done."""
        done = (name for step in self.steps for name in step.result.__struct_fields__)
        return tuple(dict.fromkeys((*self.result_fields, *done)))

    @property
    def subject_argument(self) -> str:
        """The argument that is the subject's id. Raises ``TypeError`` where there is none."""
        for name, source in self.sources.items():
            if isinstance(source, TheSubject):
                return name
        raise TypeError(f"tool {self.name!r} doesn't say whose it is")

    def read_arguments(self, text: str) -> ToolArguments:
        """From ``ToolRequested.arguments``. Raises ``msgspec.ValidationError``, ``msgspec.DecodeError``."""
        return msgspec.json.decode(text, type=self.arguments)


def write_texts(texts: msgspec.Struct) -> str:
    """Arguments or a result as they stand on the log: JSON with sorted keys."""
    return msgspec.json.encode(texts, order="sorted").decode()


MOST_RESULT_CHARACTERS = 4_000  # some four minutes of speech; a record of a log on Kafka holds 1,000,000 bytes


def write_result(result: ToolResult, by: str) -> str:
    """As it stands on the log. Raises ``ProviderError(INVALID)`` where it is too long to be said. ``by``: who answered."""
    text = write_texts(result)
    if len(text) > MOST_RESULT_CHARACTERS:
        raise ProviderError(FailureReason.INVALID, by, f"{len(text)} characters: {MOST_RESULT_CHARACTERS} is the most")
    return text


_RESULT = msgspec.json.Decoder(dict[str, str])


def read_result(text: str) -> dict[str, str]:
    """Of ``ToolReturned``; empty where it is malformed, or was forgotten with its conversation's key."""
    try:
        return _RESULT.decode(text)
    except msgspec.DecodeError:
        return {}
