"""The two kinds of event, and the mark for private fields.

A *fact* came from outside and can't be recomputed. A *decision* is computed by us from what stands before it on the log.
Every event type is one or the other, and says so by its base class. ``Control`` records belong to no conversation.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec


class Kind(StrEnum):
    FACT = "fact"
    DECISION = "decision"
    CONTROL = "control"


class PrivateMark:
    """Marks a payload field that holds what people said or who they are: encrypted wherever the event is stored."""


PRIVATE = PrivateMark()
PrivateText = Annotated[str, PRIVATE]


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says, beyond its envelope. ``VERSION`` rises with every change of the fields."""

    VERSION: ClassVar[int] = 1
    KIND: ClassVar[Kind]


class Fact(Payload, frozen=True, kw_only=True):
    """``SUPERSEDES``: news of the caller that makes older replies stale (design: nothing older is ever started)."""

    KIND: ClassVar[Kind] = Kind.FACT
    SUPERSEDES: ClassVar[bool] = False


class Decision(Payload, frozen=True, kw_only=True):
    KIND: ClassVar[Kind] = Kind.DECISION


class Control(Payload, frozen=True, kw_only=True):
    KIND: ClassVar[Kind] = Kind.CONTROL


class EvidenceSpan(msgspec.Struct, frozen=True):
    """Half-open range of characters (Unicode code points) in a judged text."""

    start: int
    end: int
