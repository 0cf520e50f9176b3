"""What an owner needs from whoever decides: the fold, the step, and what a conversation still has open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeVar

from schemas.base import Fact
from schemas.event import Event

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)


class OpenTimer(NamedTuple):
    timer_id: str
    purpose: str
    due_at_us: int
    turn_id: str | None


class OpenWork(NamedTuple):
    """``asks``: whether effects are under way. ``finished``: nothing more is expected of this conversation."""

    asks: bool
    timers: Mapping[str, OpenTimer]
    finished: bool


class Mind(Protocol[C]):
    """Pure: the same conversation and fact give the same step."""

    def initial(self, conversation_id: str) -> C: ...

    def fold(self, conversation: C, event: Event) -> C: ...

    def step(self, conversation: C, fact: Event) -> tuple[C, tuple[Event, ...]]: ...

    def open_work(self, conversation: C) -> OpenWork: ...

    def freeze(self, conversation: C) -> bytes | None:
        """The conversation for a snapshot, sealed. None where it can't be kept. Raises ``KeysUnavailableError``."""
        ...

    def thaw(self, conversation_id: str, frozen: bytes) -> C | None:
        """None where it was frozen by code that remembers otherwise, or can't be opened: then fold the log.

        Raises ``KeysUnavailableError``.
        """
        ...


class Outcome(NamedTuple):
    """A fact from the owner's own effects or timers: it enters by memory, not by the inbox."""

    conversation_id: str
    event_id: str
    payload: Fact
    causation_id: str = ""
    turn_id: str | None = None
    run_id: str | None = None


Report = Callable[[Outcome], None]


class Effects(Protocol[C_contra]):
    """Runs what decisions ask for, beside the owner, never inside its loop."""

    def begin(self, epoch: int, report: Report) -> None:
        """A new reign: outcomes go to ``report`` from here on."""
        ...

    def reconcile(self, conversation_id: str, conversation: C_contra) -> None:
        """Starts what the conversation has open and isn't running; cancels what runs and is no longer open."""
        ...

    async def stop(self) -> None:
        """Cancels everything and drops its outcomes."""
        ...
