"""How many events a second one core decodes, opens, folds and encodes, over the event mix of recorded calls."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from agent_core.evolve import evolve
from benchmarks.figures import percentile
from benchmarks.race_behaviour import race_behaviour
from benchmarks.recorded_calls import Recorder
from benchmarks.report import Report, Table
from processors.deciders import cascade
from processors.mind import AgentMind
from schemas.event import Event
from streams.codec import Body, Codec
from streams.keys import MemoryKeyStore

GOAL_DECODED_PER_S = 100_000
_CALLS, _PASSES = 40, 15


def run(*, quick: bool) -> Report:
    behaviour = race_behaviour()
    keys = MemoryKeyStore()
    codec, closed = Codec(keys), Codec(MemoryKeyStore())
    mind = AgentMind(cascade(), lambda seq, content_hash: behaviour, keys)
    recorder = Recorder(mind, codec, behaviour, 1)
    calls = {f"call-{n}": recorder.call(f"call-{n}") for n in range(3 if quick else _CALLS)}
    bodies = [body for call in calls.values() for body, _ in call]
    events = [event for call in calls.values() for _, event in call]
    unsealed = [replace(event, sealed={}) for event in events]
    passes = 3 if quick else _PASSES

    def fold() -> None:
        for conversation_id, call in calls.items():
            conversation = mind.initial(conversation_id)
            for body, _ in call:
                conversation = evolve(conversation, codec.decode(body))

    ways: list[tuple[str, Callable[[], None]]] = [
        ("decode, private fields left closed", lambda: _decode(closed, bodies)),
        ("decode and open private fields", lambda: _decode(codec, bodies)),
        ("decode, open and fold", fold),
        ("seal, hash and encode", lambda: _encode(codec, unsealed)),
        ("hash and encode what is sealed", lambda: _encode(codec, events)),
    ]
    rates = _rates(ways, len(events), passes)
    rows = [(name, len(events), percentile(rates[name], 0.5), min(rates[name]), max(rates[name])) for name, _ in ways]
    private = sum(bool(event.sealed) for event in events) / len(events)
    size = sum(len(body.data) for body in bodies) / len(bodies)
    notes = (
        f"goal: over {GOAL_DECODED_PER_S:,} events/s decoded",
        f"{len(calls)} recorded calls of {len(events) // len(calls)} events, {size:.0f} bytes each on average, "
        f"{private:.0%} of them with private fields; {passes} passes, the ways take turns",
    )
    columns = ("one core", "events", "events/s, median pass", "slowest pass", "fastest pass")
    return Report("codec", [Table("Codec", columns, [tuple(row) for row in rows], notes)])


def _rates(ways: list[tuple[str, Callable[[], None]]], events: int, passes: int) -> dict[str, list[float]]:
    """CPU seconds, not wall: what another process does on this core isn't the codec's."""
    rates: dict[str, list[float]] = {name: [] for name, _ in ways}
    for _ in range(passes):
        for name, way in ways:
            began = time.process_time()
            way()
            rates[name].append(events / (time.process_time() - began))
    return rates


def _decode(codec: Codec, bodies: list[Body]) -> None:
    for body in bodies:
        codec.decode(body)


def _encode(codec: Codec, events: list[Event]) -> None:
    for event in events:
        codec.encode(event)
