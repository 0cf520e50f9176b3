"""The log read again from its bytes, by rules of its own: what is effective, what is void, what does not fit.

Written from the documented rules and not with the production reader, so that a mistake there shows here. The Avro schemas
are shared, for they are the format; keys open private fields.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any

import fastavro

from schemas.registry import released_schema
from simulation.durable import Durable
from streams.ports import LogRecord

HASH_BYTES = 32


@dataclass(slots=True)
class Rec:
    """A record. ``at``: the offset at which its step became whole; ``landed_s`` is of that moment."""

    offset: int
    conversation_id: str
    type: str
    seq: int
    event_id: str
    turn_id: str | None
    is_fact: bool
    env: dict[str, Any]
    payload: dict[str, Any]
    body: bytes
    at: int = -1
    landed_s: float = 0.0


@dataclass
class RawLog:
    """``steps``: effective steps in order. ``takes``: effective ``OwnerTook`` as (offset, epoch). ``misfits``: see the name."""

    steps: list[list[Rec]] = field(default_factory=list)
    takes: list[tuple[int, int]] = field(default_factory=list)
    void: set[int] = field(default_factory=set)
    misfits: list[str] = field(default_factory=list)

    def records(self) -> Iterator[Rec]:
        return chain.from_iterable(self.steps)

    def conversation(self, conversation_id: str) -> list[Rec]:
        return [rec for rec in self.records() if rec.conversation_id == conversation_id]


def read_raw(durable: Durable) -> RawLog:
    log, epoch = RawLog(), 0
    held: list[Rec] = []
    for record, landed_s in zip(durable.log, durable.landed_s, strict=True):
        rec = decode(record, durable)
        if rec.env["kind"] == "control":
            if rec.payload["epoch"] > epoch:
                epoch = rec.payload["epoch"]
                log.takes.append((rec.offset, epoch))
                log.void.update(half.offset for half in held)
                held = []
            else:
                log.void.add(rec.offset)
        elif rec.env["epoch"] < epoch:
            log.void.add(rec.offset)
        elif rec.env["epoch"] > epoch:
            log.misfits.append(f"offset {rec.offset} is of epoch {rec.env['epoch']}, which nobody had taken")
        else:
            if rec.env["step_index"] != len(held) or (held and held[0].env["step_id"] != rec.env["step_id"]):
                log.misfits.append(f"offset {rec.offset} does not follow the record of its step before it")
                held = []
            held.append(rec)
            if len(held) == rec.env["step_size"]:
                for part in held:
                    part.at, part.landed_s = rec.offset, landed_s
                log.steps.append(held)
                held = []
    return log


def decode(record: LogRecord, durable: Durable) -> Rec:
    env: dict[str, Any] = fastavro.schemaless_reader(  # type: ignore[assignment]
        io.BytesIO(record.body.data), _schema(record.body.type, record.body.version), None
    )
    payload: dict[str, Any] = env.pop("payload")
    for name, value in payload.items():
        if isinstance(value, bytes):  # every bytes field of a payload is a sealed one
            key = durable.keys.get(record.conversation_id)
            context = f"{env['conversation_id']}\x1f{env['event_id']}\x1f{name}".encode()
            payload[name] = json.loads(key.decrypt(value, context)) if key else None
    return Rec(
        offset=record.offset,
        conversation_id=record.conversation_id,
        type=record.body.type,
        seq=env["seq"],
        event_id=env["event_id"],
        turn_id=env["turn_id"],
        is_fact=env["kind"] == "fact",
        env=env,
        payload=payload,
        body=record.body.data,
    )


def stated_and_true_hash(body: bytes) -> tuple[bytes, bytes]:
    return body[-HASH_BYTES:], hashlib.sha256(body[:-HASH_BYTES]).digest()


@cache
def _schema(name: str, version: int) -> Any:
    return fastavro.parse_schema(released_schema(name, version))
