"""What a tool is: a plain async function, and what it declares about itself.

Its arguments never come from a model's text. Each says in its type where it comes from, and is checked against the
subject before the call: the subject's own id, or an object of theirs.

    class CardStatusArguments(ToolArguments, frozen=True):
        customer_id: SubjectId
        card_id: Annotated[str, ObjectOf("card")]
"""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import msgspec

from agent_core.ports import CustomerRecords
from agent_core.subject import Level


class Effect(StrEnum):
    READ = "read"  # changes nothing: may run while the caller may still go on speaking
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
class Tool:
    """``level``: what the subject must hold. ``run`` raises ``ProviderError``. ``timeout_ms``: it is given up after.

    Raises ``TypeError`` where its arguments or result aren't what their base says.
    """

    name: str
    description: str
    level: Level
    arguments: type[ToolArguments]
    result: type[ToolResult]
    run: Callable[[Any, CustomerRecords], Awaitable[ToolResult]]
    timeout_ms: int = 2000
    effect: Effect = Effect.READ

    def __post_init__(self) -> None:
        texts = typing.get_type_hints(self.result)
        unsaid = [name for name in self.result_fields if texts[name] is not str]
        if unsaid:
            raise TypeError(f"tool {self.name!r}: {', '.join(unsaid)} of its result is no text")
        if len(self.sources) != len(msgspec.structs.fields(self.arguments)):
            raise TypeError(f"tool {self.name!r}: every argument is a SubjectId or an ObjectOf")

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
        return self.result.__struct_fields__

    def read_arguments(self, text: str) -> ToolArguments:
        """From ``ToolRequested.arguments``. Raises ``msgspec.ValidationError``, ``msgspec.DecodeError``."""
        return msgspec.json.decode(text, type=self.arguments)


def write_texts(texts: msgspec.Struct) -> str:
    """Arguments or a result as they stand on the log: JSON with sorted keys."""
    return msgspec.json.encode(texts, order="sorted").decode()


_RESULT = msgspec.json.Decoder(dict[str, str])


def read_result(text: str) -> dict[str, str]:
    """Of ``ToolReturned``; empty where it is malformed, or was forgotten with its conversation's key."""
    try:
        return _RESULT.decode(text)
    except msgspec.DecodeError:
        return {}
