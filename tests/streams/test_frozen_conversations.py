"""A conversation that was frozen and thawed is the one that it was, or is folded from the log."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agent_core.conversation import Ask, Conversation
from processors import freezing
from processors.deciders import cascade
from processors.mind import AgentMind
from schemas.base import Payload
from streams.keys import MemoryKeyStore
from tests.golden import golden_log


def mind(log: golden_log.GoldenLog, keys: MemoryKeyStore, version: str | None = None) -> AgentMind:
    deciders = cascade()
    if version is not None:
        deciders.version = version
    return AgentMind(deciders, log.behaviour, keys)


def states(log: golden_log.GoldenLog, of: AgentMind) -> Iterator[Conversation]:
    conversation = of.initial(log.events[0].conversation_id)
    for step in log.steps():
        for event in step:
            conversation = of.fold(conversation, event)
        yield conversation


def keys_for(log: golden_log.GoldenLog) -> MemoryKeyStore:
    keys = MemoryKeyStore()
    keys.create(log.events[0].conversation_id)
    return keys


@pytest.mark.parametrize("name", golden_log.names())
def test_every_state_of_a_recorded_call_comes_back_as_it_was(name: str) -> None:
    log = golden_log.read(name)
    ours = mind(log, keys_for(log))
    open_asks = 0
    for conversation in states(log, ours):
        open_asks += len(conversation.asks)
        frozen = ours.freeze(conversation)
        assert frozen is not None
        thawed = ours.thaw(conversation.id, frozen)
        assert thawed is not None
        assert replace(thawed, context=conversation.context) == conversation
        assert list(thawed.asks) == list(conversation.asks)
        assert [type(ask.payload) for ask in thawed.asks.values()] == [
            type(ask.payload) for ask in conversation.asks.values()
        ]
    assert open_asks


def some_state() -> tuple[golden_log.GoldenLog, MemoryKeyStore, Conversation]:
    log = golden_log.read(golden_log.names()[0])
    keys = keys_for(log)
    conversation = next(c for c in states(log, mind(log, keys)) if c.transcript)
    return log, keys, conversation


def test_what_people_said_is_not_readable_in_it() -> None:
    log, keys, conversation = some_state()
    frozen = mind(log, keys).freeze(conversation)
    assert frozen is not None
    assert conversation.transcript[0].text.encode() not in frozen
    assert conversation.transcript[0].text.encode() in freezing.freeze(conversation, "1")


def test_it_opens_for_its_own_conversation_alone_and_not_without_the_key() -> None:
    log, keys, conversation = some_state()
    ours = mind(log, keys)
    frozen = ours.freeze(conversation)
    assert frozen is not None
    keys.create("another")
    assert ours.thaw("another", frozen) is None
    assert ours.thaw(conversation.id, frozen[:-1] + b"?") is None
    keys.destroy(conversation.id)
    assert ours.thaw(conversation.id, frozen) is None
    assert ours.freeze(conversation) is None


def test_deciders_of_another_version_fold_the_log_instead() -> None:
    log, keys, conversation = some_state()
    frozen = mind(log, keys).freeze(conversation)
    assert frozen is not None
    assert mind(log, keys, version="another").thaw(conversation.id, frozen) is None


def test_a_state_with_other_fields_has_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = freezing.state_version("1")
    grown = msgspec.defstruct(
        "Conversation",
        [*((field.name, field.type) for field in msgspec.structs.fields(freezing._state())), ("mood", str)],
    )
    freezing.state_version.cache_clear()
    monkeypatch.setattr(freezing, "_state", lambda: grown)
    try:
        assert freezing.state_version("1") != before
    finally:
        freezing.state_version.cache_clear()


def test_only_asks_hold_events_of_any_type() -> None:
    """Such a field doesn't say which type it holds, so freezing must. Another one would come back as a bare ``Payload``."""
    holders: set[tuple[str, str]] = set()

    def look(kind: Any) -> None:
        if isinstance(kind, msgspec.inspect.StructType):
            for field in kind.fields:
                named = field.type
                if isinstance(named, msgspec.inspect.StructType) and issubclass(named.cls, Payload):
                    holders.add((kind.cls.__name__, field.name))
                else:
                    look(named)
        elif dataclasses.is_dataclass(kind) or isinstance(kind, msgspec.Struct):
            for name in kind.__struct_fields__:  # type: ignore[union-attr]
                inner = getattr(kind, name)
                for each in inner if isinstance(inner, tuple) else (inner,):
                    if isinstance(each, msgspec.inspect.Type):
                        look(each)

    kept = {name: kind for name, kind in Conversation.__annotations__.items() if name != "context"}
    assert "asks" in kept
    look(msgspec.inspect.type_info(freezing._mirror(Conversation, {"context": None})))
    assert holders == {(Ask.__name__, "payload")}
