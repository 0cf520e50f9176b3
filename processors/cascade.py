"""A step: a fact and the whole cascade of decisions that it causes, run to quiescence in one fixed order.

First in, first out over events; for each event the deciders in their declared order; each decision is folded before the
next decider looks. Ids derive from the cause (uuid5 of cause, decider, index), so that a step computed again, by another
owner or by a replay, is the same step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agent_core.conversation import Conversation, Status
from agent_core.evolve import evolve
from schemas import decisions as d
from schemas.base import Decision, Kind
from schemas.event import Event, derived_id

MAX_STEP_EVENTS = 2_000  # a cascade that grows past this never ends


class RunawayCascadeError(RuntimeError):
    """Deciders answered each other without end."""


class Decider(NamedTuple):
    """``decide(conversation, event)`` is pure; ``conversation`` has ``event`` folded in already."""

    name: str
    handles: tuple[type, ...]
    decide: Callable[[Conversation, Event], Iterator[Decision]]
    before_open: bool = False  # whether it acts on a conversation that isn't open yet


class Step(NamedTuple):
    """``events``: the fact first, then its decisions. ``conversation``: as it stands after all of them."""

    conversation: Conversation
    events: tuple[Event, ...]


class Cascade:
    def __init__(self, deciders: Sequence[Decider], version: str) -> None:
        self.version = version
        self._by_type: dict[type, list[Decider]] = {}
        for decider in deciders:
            for handled in decider.handles:
                self._by_type.setdefault(handled, []).append(decider)

    def run(self, conversation: Conversation, fact: Event) -> Step:
        """``fact`` has ``accepted_at_us``; seq, causation and ids of the decisions are set here.

        Raises ``RunawayCascadeError``, and whatever a decider raises: the caller drops the step as a whole.
        """
        fact = replace(
            fact, seq=conversation.seq + 1, step_id=fact.event_id, step_index=0, decider_version=self.version
        )
        conversation = evolve(conversation, fact)
        events = [fact]
        queue = deque((fact,))
        while queue:
            event = queue.popleft()
            for decider in self._by_type.get(type(event.payload), ()):
                if conversation.status is not Status.OPEN and not decider.before_open:
                    continue
                for index, payload in enumerate(decider.decide(conversation, event)):
                    decision = self._decision(conversation, fact, event, decider.name, index, payload, len(events))
                    conversation = evolve(conversation, decision)
                    events.append(decision)
                    queue.append(decision)
                    if len(events) > MAX_STEP_EVENTS:
                        raise RunawayCascadeError(f"{len(events)} events follow from one {fact.type}")
        size = len(events)
        return Step(conversation, tuple(replace(event, step_size=size) for event in events))

    def _decision(
        self, c: Conversation, fact: Event, cause: Event, decider: str, index: int, payload: Decision, position: int
    ) -> Event:
        if isinstance(payload, d.TurnOpened):
            turn_id: str | None = f"t{c.turns + 1}"
        else:
            turn_id = c.turn.turn_id if c.turn else None
        return Event(
            event_id=derived_id(cause.event_id, decider, index),
            type=type(payload).__name__,
            schema_version=payload.VERSION,
            conversation_id=c.id,
            seq=c.seq + 1,
            step_id=fact.event_id,
            step_index=position,
            kind=Kind.DECISION,
            causation_id=cause.event_id,
            turn_id=turn_id,
            decider_version=self.version,
            occurred_at_us=fact.accepted_at_us,
            accepted_at_us=fact.accepted_at_us,
            payload=payload,
        )
