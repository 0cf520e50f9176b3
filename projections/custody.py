"""What may not be forgotten, and what was: the fold of the custody record (``schemas.custody``)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from projections.wall_time import iso_time
from schemas import custody as c
from schemas.event import Event


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """``subject``: its pseudonym. ``lifted_at``: null while the hold stands."""

    hold_id: str
    subject: str
    reference: str
    by: str
    placed_at: str
    lifted_at: str | None = None
    lifted_by: str | None = None
    lifted_reference: str | None = None


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    days: int
    reference: str
    by: str
    set_at: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """``reason``: hold, retention, under_way."""

    subject: str
    reason: str
    reference: str
    by: str
    at: str


class Forgetting(msgspec.Struct, frozen=True, kw_only=True):
    """``messages``: of the intake, by the names of their data keys."""

    event_id: str
    subject: str
    conversations: tuple[str, ...]
    messages: tuple[str, ...]
    reference: str
    by: str
    at: str


class Custody(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was ever ordered, oldest first. ``retention``: the last of it is in force."""

    holds: tuple[Hold, ...] = ()
    retention: tuple[Retention, ...] = ()
    refused: tuple[Refusal, ...] = ()
    forgotten: tuple[Forgetting, ...] = ()

    @property
    def retention_days(self) -> int:
        return self.retention[-1].days if self.retention else 0

    def standing(self, subject: str) -> tuple[Hold, ...]:
        """The holds on a subject that nobody lifted."""
        return tuple(hold for hold in self.holds if hold.subject == subject and hold.lifted_at is None)


def custody_of(events: Iterable[Event]) -> Custody:
    """``events``: the effective ones of the conversation ``CUSTODY``, in order."""
    found = Custody()
    for event in events:
        found = _after(found, event, iso_time(event.accepted_at_us))
    return found


def _after(found: Custody, event: Event, at: str) -> Custody:
    match payload := event.payload:
        case c.HoldPlaced():
            hold = Hold(
                hold_id=payload.hold_id,
                subject=payload.subject,
                reference=payload.reference,
                by=payload.by,
                placed_at=at,
            )
            return replace(found, holds=(*found.holds, hold))
        case c.HoldLifted():
            return replace(found, holds=tuple(_lifted(hold, payload, at) for hold in found.holds))
        case c.RetentionSet():
            retention = Retention(days=payload.days, reference=payload.reference, by=payload.by, set_at=at)
            return replace(found, retention=(*found.retention, retention))
        case c.ForgettingRefused():
            refusal = Refusal(
                subject=payload.subject, reason=payload.reason, reference=payload.reference, by=payload.by, at=at
            )
            forgotten = tuple(each for each in found.forgotten if each.event_id != payload.forgetting)
            return replace(found, refused=(*found.refused, refusal), forgotten=forgotten)
        case c.SubjectForgotten():
            forgetting = Forgetting(
                event_id=event.event_id,
                subject=payload.subject,
                conversations=payload.conversations,
                messages=payload.messages,
                reference=payload.reference,
                by=payload.by,
                at=at,
            )
            return replace(found, forgotten=(*found.forgotten, forgetting))
    return found


def _lifted(hold: Hold, payload: c.HoldLifted, at: str) -> Hold:
    if hold.hold_id != payload.hold_id or hold.lifted_at is not None:
        return hold
    return replace(hold, lifted_at=at, lifted_by=payload.by, lifted_reference=payload.reference)
