"""The structure of one delivered step: what its owner must have stamped, checked without recomputing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from projections.effective_log import Located
from projections.problems import ProblemKind
from schemas.base import Kind
from schemas.registry import payload_type

STEP_STAMPS = ("epoch", "step_id", "step_size", "accepted_at_us", "inbox_mark")  # one for all records of a step


class Flaw(NamedTuple):
    kind: ProblemKind
    located: Located
    message: str


def address_flaws(located: Located) -> Iterator[Flaw]:
    """A record must be stored under what its own bytes say."""
    event, record = located
    stated = (event.type, event.schema_version, event.conversation_id)
    stored = (record.body.type, record.body.version, record.conversation_id)
    for name, a, b in zip(("type", "schema version", "conversation"), stated, stored, strict=True):
        if a != b:
            yield Flaw(ProblemKind.MISPLACED, located, f"its {name} is not the one that it is stored under")
    if event.kind is Kind.CONTROL and record.imported_under is not None:
        yield Flaw(ProblemKind.MISPLACED, located, "it is stored as a copy, and no owner's announcement is one")
    if event.kind is not payload_type(record.body.type).KIND:
        yield Flaw(ProblemKind.MISPLACED, located, f"a {record.body.type} is no {event.kind.value}")


def step_flaws(step: Sequence[Located]) -> Iterator[Flaw]:
    """A native step: one fact, then its decisions, stamped alike."""
    first = step[0].event
    if first.kind is not Kind.FACT or first.step_id != first.event_id:
        yield Flaw(ProblemKind.BROKEN_STEP, step[0], "a step begins with its fact and bears the fact's id")
    if first.step_size != len(step):
        yield Flaw(ProblemKind.STAMP, step[0], f"its step has {len(step)} records, not {first.step_size}")
    for located in step[1:]:
        event = located.event
        if event.kind is not Kind.DECISION:
            yield Flaw(ProblemKind.BROKEN_STEP, located, "only decisions follow the fact of a step")
        if event.conversation_id != first.conversation_id:
            yield Flaw(ProblemKind.BROKEN_STEP, located, "a step is of one conversation")
        differing = [name for name in STEP_STAMPS if getattr(event, name) != getattr(first, name)]
        if differing:
            yield Flaw(ProblemKind.STAMP, located, f"{', '.join(differing)} differs within its step")
        if event.occurred_at_us != event.accepted_at_us or event.run_id is not None:
            yield Flaw(
                ProblemKind.STAMP, located, "a decision occurs when its fact is accepted, and is no run of an effect"
            )
