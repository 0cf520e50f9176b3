"""Replay: the facts of every conversation, through the same deciders, give the same decisions; and lost asks are asked again.

Each step is computed from the fold of the *recorded* events before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from agent_core.conversation import Conversation
from processors.deciders import cascade
from processors.mind import AgentMind
from schemas.event import Event
from simulation.durable import Durable
from simulation.raw_log import RawLog
from simulation.read_once import SimCodec
from simulation.violation import Violation


def recomputes(log: RawLog, durable: Durable) -> Iterator[Violation]:
    codec = SimCodec(durable)
    mind = AgentMind(cascade(), durable.behaviour_of, durable.keys)
    known: dict[str, Conversation] = {}
    to_be_told: dict[str, int] = {}  # conversation with open asks -> the reign that must tell it first
    takes = list(log.takes)
    for step in log.steps:
        name = step[0].conversation_id
        while takes and takes[0][0] < step[0].offset:
            _, epoch = takes.pop(0)
            to_be_told |= {c: epoch for c, conversation in known.items() if mind.open_work(conversation).asks}
        recorded = [codec.decode(durable.log[rec.offset].body) for rec in step]
        if to_be_told.get(name) == recorded[0].epoch:
            del to_be_told[name]
            if recorded[0].type != "OwnerChanged":
                yield Violation(
                    "asked_again",
                    f"{name}: {recorded[0].type} came first in epoch {recorded[0].epoch}, not OwnerChanged",
                )
        conversation = known.get(name) or mind.initial(name)
        _, computed = mind.step(conversation, recorded[0])
        yield from _compare(name, recorded, computed)
        for event in recorded:
            conversation = mind.fold(conversation, event)
        known[name] = conversation


def _compare(name: str, recorded: list[Event], computed: tuple[Event, ...]) -> Iterator[Violation]:
    if len(recorded) != len(computed):
        yield Violation(
            "recomputes",
            f"{name} seq {recorded[0].seq}: {len(computed)} events follow from the fact, not {len(recorded)}",
        )
        return
    for one, other in zip(recorded, computed, strict=True):
        if _essence(one) != _essence(other):
            yield Violation("recomputes", f"{name} seq {one.seq}: {one.type} is {other.type} when computed again")
            return


def _essence(event: Event) -> tuple[str, str, int, str, str | None, bytes]:
    payload = msgspec.json.encode(event.payload)
    return event.type, event.event_id, event.seq, event.causation_id, event.turn_id, payload
