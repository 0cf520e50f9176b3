"""A log of recorded calls in any size: a few are recorded, the rest are their bytes under other ids and at other times.

What is sealed in a copy doesn't open (it was sealed for another call) and its hashes don't chain: a projection looks at
neither.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import fastavro

from benchmarks.race_behaviour import race_behaviour
from benchmarks.recorded_calls import Recorder
from console.workspace import SqliteWorkspace
from processors.deciders import cascade
from processors.mind import AgentMind
from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Event
from streams.codec import Body
from streams.ports import Entry

_TEMPLATES = 20
_AT_ONCE = 50  # calls whose steps lie between each other on the log
_APPEND = 5_000
_APART_US = 1_000_000  # how long after one group of calls the next one rings
EPOCH = 1


def call_id(number: int) -> str:
    """All of one length, so that bytes can be exchanged for bytes."""
    return f"call-{number:09}"


async def fill(workspace: SqliteWorkspace, events: int, *, steps: int | None = None) -> int:
    """About ``events`` events in partition 0. ``steps``: only so many of each call. Returns how many calls there are."""
    behaviour = race_behaviour()
    seq = workspace.record(behaviour)
    mind = AgentMind(cascade(), workspace.behaviour_of, workspace.keys)
    recorder = Recorder(mind, workspace.codec, behaviour, seq)
    templates = [_steps(recorder.call(call_id(n)))[:steps] for n in range(_TEMPLATES)]
    calls = max(1, events // sum(map(len, templates[0])))
    await workspace.ledger.append(0, [took(workspace)])
    entries = _interleaved(calls, templates)
    while batch := list(itertools.islice(entries, _APPEND)):
        await workspace.ledger.append(0, batch)
    return calls


Step = list[tuple[Body, Event]]


def _steps(call: Step) -> list[Step]:
    steps: list[Step] = []
    for body, event in call:
        if event.step_index == 0:
            steps.append([])
        steps[-1].append((body, event))
    return steps


def _interleaved(calls: int, templates: list[list[Step]]) -> Iterator[Entry]:
    for first in range(0, calls, _AT_ONCE):
        group = range(first, min(first + _AT_ONCE, calls))
        shift_us = first // _AT_ONCE * _APART_US
        for place in range(max(map(len, templates))):
            for number in group:
                template = templates[number % _TEMPLATES]
                for body, event in template[place] if place < len(template) else ():
                    yield Entry(call_id(number), _moved(body, event, call_id(number), shift_us))


def _moved(body: Body, event: Event, conversation_id: str, shift_us: int) -> Body:
    data = body.data.replace(event.conversation_id.encode(), conversation_id.encode())
    data = data.replace(_long(event.accepted_at_us), _long(event.accepted_at_us + shift_us))
    return Body(body.type, body.version, data)


def _long(value: int) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, "long", value)
    return buffer.getvalue()


def took(workspace: SqliteWorkspace) -> Entry:
    event = Event(
        event_id="took-1",
        type=OwnerTook.__name__,
        schema_version=OwnerTook.VERSION,
        conversation_id="",
        epoch=EPOCH,
        kind=Kind.CONTROL,
        payload=OwnerTook(epoch=EPOCH, owner_id="benchmark"),
    )
    return Entry("", workspace.codec.encode(event)[0])
