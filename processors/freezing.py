"""A conversation as bytes and back, for snapshots: everything of it but what a fold is given from outside.

Bytes carry the version of the state: a hash over the fields of all its types and the deciders' version, which rises with
every decision that changes, so with every fold that does. Code that remembers otherwise folds the log instead.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import fields

from agent_core.conversation import Ask, Context, Conversation
from schemas.registry import UnknownSchemaError, payload_type

VERSION_BYTES = 16


class _Asked(msgspec.Struct, frozen=True):
    """A decision, by the name of its type: a field that may hold any of them doesn't tell which."""

    type: str
    version: int
    payload: msgspec.Raw


def freeze(conversation: Conversation, deciders: str) -> bytes:
    """``deciders``: the version of the decider set."""
    state = {name: getattr(conversation, name) for name in _state().__struct_fields__}
    state["asks"] = {ask_id: _frozen_ask(ask) for ask_id, ask in conversation.asks.items()}
    return state_version(deciders) + msgspec.msgpack.encode(_state()(**state))


def thaw(frozen: bytes, context: Context, deciders: str) -> Conversation | None:
    """None where another version froze it."""
    if frozen[:VERSION_BYTES] != state_version(deciders):
        return None
    try:
        state: Any = msgspec.msgpack.decode(frozen[VERSION_BYTES:], type=_state())
        asks = {ask_id: _thawed_ask(ask) for ask_id, ask in state.asks.items()}
    except (msgspec.MsgspecError, UnknownSchemaError):
        return None
    kept = {name: getattr(state, name) for name in state.__struct_fields__}
    return Conversation(context=context, **(kept | {"asks": asks}))


@cache
def state_version(deciders: str) -> bytes:
    shape = msgspec.json.encode(msgspec.json.schema(_state()), order="deterministic")
    return hashlib.sha256(shape + deciders.encode()).digest()[:VERSION_BYTES]


def _frozen_ask(ask: Ask) -> Any:
    kept = {name: getattr(ask, name) for name in _ask().__struct_fields__}
    asked = _Asked(type(ask.payload).__name__, ask.payload.VERSION, msgspec.Raw(msgspec.msgpack.encode(ask.payload)))
    return _ask()(**(kept | {"payload": asked}))


def _thawed_ask(frozen: Any) -> Ask:
    """Raises ``UnknownSchemaError``, ``msgspec.MsgspecError``."""
    asked: _Asked = frozen.payload
    known = payload_type(asked.type)
    if asked.version != known.VERSION:
        raise UnknownSchemaError(f"{asked.type} v{asked.version} is not this code's")
    kept = {name: getattr(frozen, name) for name in frozen.__struct_fields__}
    return Ask(**(kept | {"payload": msgspec.msgpack.decode(asked.payload, type=known)}))


@cache
def _ask() -> Any:
    return _mirror(Ask, {"payload": _Asked})


@cache
def _state() -> Any:
    return _mirror(Conversation, {"context": None, "asks": dict[str, _ask()]})  # type: ignore[misc]


def _mirror(struct: type[msgspec.Struct], changed: dict[str, Any]) -> Any:
    """``struct`` with some fields of other types; without those whose new type is None."""
    types = get_type_hints(struct) | changed
    kept = [(field.name, types[field.name]) for field in fields(struct) if types[field.name] is not None]
    return msgspec.defstruct(f"Frozen{struct.__name__}", kept, frozen=True)
