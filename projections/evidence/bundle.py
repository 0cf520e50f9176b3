"""The files of an evidence folder, signed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from projections.anchors import Anchors, leaf_of
from projections.call_report import report_call
from projections.evidence.page import page
from projections.evidence.sections import sections, versions_of
from projections.wall_time import iso_time
from schemas.event import Event
from schemas.registry import released_schema
from streams.codec import Body
from streams.keys import DataKey
from streams.merkle import path_to
from streams.signing import SigningKey

FORM = 1


class Recorded(NamedTuple):
    event: Event
    body: Body


def bundle(
    call_id: str,
    recorded: Sequence[Recorded],
    key: DataKey | None,
    behaviour: bytes | None,
    signing_key: SigningKey,
    now_us: int,
    anchors: Anchors | None = None,
) -> dict[str, bytes]:
    """File → bytes. ``key``: None where the conversation was forgotten. ``behaviour``: what it pinned, None where there is
    none. ``anchors``: also proves that the conversation is among the anchored ones."""
    events = [each.event for each in recorded]
    parts, versions = sections(events), versions_of(events)
    report = report_call(events)
    files = {
        "events.jsonl": b"".join(_line(each) for each in recorded),
        "evidence.json": _json({"call": call_id, "versions": msgspec.to_builtins(versions), **parts}),
        "index.html": page(call_id, events, report, versions, parts).encode(),
        "check.py": (Path(__file__).parent / "check.py").read_bytes(),
    }
    files |= {f"schemas/{t}.v{v}.avsc": _json(released_schema(t, v)) for t, v in sorted({_schema(e) for e in events})}
    if key is not None:
        files["key.json"] = _json({"key_id": key.key_id, "secret": base64.b64encode(key.secret).decode()})
    if behaviour is not None:
        files["behaviour.json"] = behaviour
    if anchors is not None and call_id in anchors.heads:
        files["anchor.json"] = _json(_proof(call_id, anchors))
    manifest = _json(
        {
            "evidence": FORM,
            "call": call_id,
            "made_at": iso_time(now_us),
            "events": len(events),
            "head": {"seq": events[-1].seq, "hash": events[-1].hash.hex()},
            "public_key": signing_key.public,
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
        }
    )
    return files | {"manifest.json": manifest, "manifest.sig": signing_key.sign(manifest).encode()}


def _schema(event: Event) -> tuple[str, int]:
    return event.type, event.schema_version


def _line(recorded: Recorded) -> bytes:
    event, body = recorded
    line = {
        "seq": event.seq,
        "type": event.type,
        "version": event.schema_version,
        "kind": event.kind.value,
        "event_id": event.event_id,
        "causation_id": event.causation_id,
        "turn_id": event.turn_id,
        "decider_version": event.decider_version,
        "occurred_at": iso_time(event.occurred_at_us),
        "accepted_at": iso_time(event.accepted_at_us),
        "payload": msgspec.to_builtins(event.payload),
        "sealed": {field: base64.b64encode(data).decode() for field, data in event.sealed.items()},
        "body": base64.b64encode(body.data).decode(),
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _proof(call_id: str, anchors: Anchors) -> dict[str, Any]:
    names = sorted(anchors.heads)
    leaves = [leaf_of(name, anchors.heads[name]) for name in names]
    path = path_to(leaves, names.index(call_id))
    return {
        "anchor": msgspec.to_builtins(anchors.last),
        "seq": anchors.heads[call_id].seq,
        "hash": anchors.heads[call_id].hash,
        "path": [{"side": side, "hash": sibling.hex()} for side, sibling in path],
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
