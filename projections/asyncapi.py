"""Writes ``docs/asyncapi.yaml``: the log's topics and everything that stands on them, as a guest sees them (AsyncAPI 3).

``python -m projections.asyncapi``; ``--check`` writes nothing and fails if the file is not up to date. Payloads are the
released Avro schemas by reference. Source of the form: AsyncAPI 3.0.0, Kafka bindings 0.5.0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from schemas.base import Kind, Payload
from schemas.registry import EVENT_TYPES, lock, released_schema
from streams.kafka.schema_ids import OF_LOCK_FILE, OF_REGISTRY
from streams.kafka.topics import Topics
from streams.ports import Held

DOCUMENT = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"
_AVRO = "application/vnd.apache.avro+json;version=1.9.0"
_CONTENT_TYPE, _CONTENT_TYPE_OF_REGISTRY = OF_LOCK_FILE.decode(), OF_REGISTRY.decode()
_BINDING = "0.5.0"

_DESCRIPTION = """\
The topics of a conversation log, as a guest sees them: a program in any language that reads the log and puts facts on the
inbox. How a guest works is told in docs/guests.md.

- Every record's key is the conversation's id; its partition is murmur2 of the key, Kafka's default. A record of the log
  without a key is an owner's announcement (OwnerTook).
- A value is five bytes (a zero byte, then the schema id, 4 bytes big endian), then the event's Avro body. The
  header content-type says whose id it is: application/vnd.ledgerline.avro that of schemas/lock.json (x-schema-id here),
  application/vnd.confluent.avro a schema registry's. Every body names its own type and version, too.
- The truth is in the envelope inside the body. Headers are there for readers that don't know the schemas.
- Fields that a schema marks "private" hold a nonce of 12 bytes and AES-256-GCM ciphertext of the value's JSON under the
  conversation's key; additional data is conversation id, event id and field name, joined by the byte 0x1f.
- A topic's name may bear a prefix: another prefix is another log on the same brokers.
- Not every record counts: docs/architecture.md says which are void.
- Topics that owners keep for themselves (snapshots, heartbeats) aren't listed: their form changes with the code.
"""
_HEADERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "description": "the event's id"},
        "ce_source": {"type": "string", "format": "uri-reference"},
        "ce_type": {"type": "string", "description": "the event's type"},
        "content-type": {"type": "string", "enum": [_CONTENT_TYPE, _CONTENT_TYPE_OF_REGISTRY]},
        "ledgerline-imported-under": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "on a copy from another log: the epoch of the owner that imported it. The record counts or is void "
            "by this one, and alone: the body's epoch and step fields speak of the log that it came from",
        },
    },
}
_CONTENT_HASH = {"type": "string", "description": "SHA-256 of the value, in hex"}
_DEAD_LETTER_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": [
        "ledgerline-dead-topic",
        "ledgerline-dead-partition",
        "ledgerline-dead-offset",
        "ledgerline-dead-reason",
    ],
    "properties": {
        "ledgerline-dead-topic": {"type": "string", "description": "inbox, or outcome: an effect of the owner's own"},
        "ledgerline-dead-partition": {"type": "string", "pattern": "^[0-9]+$"},
        "ledgerline-dead-offset": {"type": "string", "pattern": "^[0-9]+$"},
        "ledgerline-dead-reason": {"type": "string"},
        "ledgerline-dead-sealed-by": {
            "type": "string",
            "description": "id of the conversation's key; absent: not sealed",
        },
    },
}


def document() -> dict[str, Any]:
    """The whole document, as plain data."""
    topics = Topics()
    facts = list(_of(Kind.FACT))
    every = [*facts, *_of(Kind.DECISION), *_of(Kind.CONTROL)]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "ledgerline: the conversation log", "version": "1", "description": _DESCRIPTION},
        "defaultContentType": _CONTENT_TYPE,
        "channels": {
            "inbox": _channel(topics.inbox, "Facts that wait for their conversation's owner.", facts),
            "log": _channel(topics.log, "What was decided: every step, in one total order a conversation.", every),
            "deadLetters": _channel(
                topics.dead_letters, "Records that no owner could take, with the reason.", ["DeadLetter"]
            ),
            "state": _channel(
                topics.state,
                "Where owners stand, each second: a reader of the log may start at such an offset, under that epoch.",
                ["Held"],
            ),
            "behaviour": _channel(
                topics.behaviour,
                "Every version of the behaviour that was ever in force. A version's number, which conversations pin, is "
                "its rank among the first occurrences of their keys, from 1.",
                ["Behaviour"],
            ),
        },
        "operations": {
            "putFact": _operation("send", "inbox", facts),
            "readLog": _operation("receive", "log", every),
            "readDeadLetters": _operation("receive", "deadLetters", ["DeadLetter"]),
            "readState": _operation("receive", "state", ["Held"]),
            "readBehaviour": _operation("receive", "behaviour", ["Behaviour"]),
        },
        "components": {
            "messages": {
                **{name: _message(name) for name in every},
                "DeadLetter": _dead_letter(),
                "Held": _held(),
                "Behaviour": _behaviour(),
            },
            "messageTraits": {"event": _trait()},
        },
    }


def text() -> str:
    """The document as YAML."""
    head = "# Written by `python -m projections.asyncapi`; a test fails when it is stale.\n"
    return head + yaml.dump(document(), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """What occurs twice is written twice: not every reader of AsyncAPI knows YAML's aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _as_block(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Plain.add_representer(str, _as_block)


def _of(kind: Kind) -> Iterator[str]:
    """Names of messages: the newest version of each type, then the older ones that may still stand on a log."""
    for name, event_type in EVENT_TYPES.items():
        if event_type.KIND is kind:
            yield name
            yield from (f"{name}.v{version}" for version in _older(event_type))


def _older(event_type: type[Payload]) -> Iterator[int]:
    for version in range(event_type.VERSION - 1, 0, -1):
        if f"{event_type.__name__}.v{version}" in lock():
            yield version


def _channel(address: str, description: str, messages: list[str]) -> dict[str, Any]:
    partitions, settings = Topics().configured()[address]
    configuration: dict[str, Any] = {
        "cleanup.policy": settings["cleanup.policy"].split(","),
    }
    if "retention.ms" in settings:
        configuration["retention.ms"] = int(settings["retention.ms"])
    kafka = {"partitions": partitions, "topicConfiguration": configuration, "bindingVersion": _BINDING}
    return {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": kafka},
    }


def _operation(action: str, channel: str, messages: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _message(name: str) -> dict[str, Any]:
    event_type, _, version = name.partition(".v")
    number = int(version) if version else EVENT_TYPES[event_type].VERSION
    released = f"{event_type}.v{number}"
    schema = released_schema(event_type, number)
    return {
        "name": event_type,
        "title": f"{event_type}, version {number}",
        "summary": schema["doc"].replace("``", ""),
        "tags": [{"name": schema["kind"]}],
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"schemaFormat": _AVRO, "schema": {"$ref": f"../schemas/avro/{released}.avsc"}},
        "bindings": {"kafka": _binding()},
        "x-schema-id": lock()[released]["id"],
    }


def _binding() -> dict[str, Any]:
    return {
        "key": {"type": "string", "description": "the conversation's id; none on an owner's announcement"},
        "schemaIdLocation": "payload",
        "schemaIdPayloadEncoding": "4",
        "schemaLookupStrategy": "TopicRecordNameStrategy",
        "bindingVersion": _BINDING,
    }


def _trait() -> dict[str, Any]:
    return {"contentType": _CONTENT_TYPE, "headers": _HEADERS}


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "DeadLetter",
        "title": "A record that could not be taken",
        "summary": "The refused record's value as it was, which may be anything: sealed, where the header "
        "ledgerline-dead-sealed-by names the key.",
        "contentType": "application/octet-stream",
        "headers": _DEAD_LETTER_HEADERS,
        "payload": {"type": "string", "format": "binary"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _BINDING}},
    }


def _held() -> dict[str, Any]:
    return {
        "name": "Held",
        "title": "Where an owner stands",
        "summary": f"A msgpack array: {', '.join(Held._fields)}.",
        "contentType": "application/msgpack",
        "payload": {"type": "array", "minItems": len(Held._fields)},
        "bindings": {"kafka": {"key": {"type": "string", "const": "held"}, "bindingVersion": _BINDING}},
    }


def _behaviour() -> dict[str, Any]:
    return {
        "name": "Behaviour",
        "title": "A version of the behaviour",
        "summary": "Prompts, policies, wordings and knowledge, as JSON.",
        "contentType": "application/json",
        "payload": {"type": "object"},
        "bindings": {"kafka": {"key": _CONTENT_HASH, "bindingVersion": _BINDING}},
    }


def main() -> None:
    written = text()
    current = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    if "--check" in sys.argv[1:]:
        if written != current:
            raise SystemExit("docs/asyncapi.yaml is stale: run python -m projections.asyncapi")
        return
    DOCUMENT.write_text(written)
    print(f"{DOCUMENT}: {len(document()['components']['messages'])} messages")


if __name__ == "__main__":
    main()
