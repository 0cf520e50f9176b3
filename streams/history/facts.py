"""The events of a conversation that was read: facts alone, chained as an owner would, at the other system's own times.

Their ids derive from the conversation, the place in it and what the record says (an HMAC under the conversation's key), so
reading the same again gives the same ids: what is on the log already is known by them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from schemas import history as h
from schemas.base import Fact
from schemas.event import GENESIS, Event, derived_id
from streams.codec import Body, Codec
from streams.fact_writer import fact_event
from streams.history.times import us_of
from streams.history.transcript import AnyEntry, BadHistoryError, Message, ModelCall, Read, ToolCall
from streams.keys import DataKey
from streams.pseudonyms import Pseudonyms


class Told(NamedTuple):
    """A fact to be. ``at_us``: by the other system's clock."""

    at_us: int
    turn_id: str | None
    payload: Fact


def conversation_id_of(read: Read, source: str, pseudonyms: Pseudonyms) -> str:
    """As ids of our own calls, it sorts by time. Raises ``BadHistoryError``."""
    at_us = _us(read.transcript.started_at, read.place)
    second = datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("call-%Y%m%d-%H%M%S")
    return f"{second}-{at_us % 1_000_000 // 1000:03d}{pseudonyms.of(source, read.transcript.id)[:12]}"


def facts_of(read: Read, source: str, now_us: int) -> list[Told]:
    """Raises ``BadHistoryError`` for a time that can't be, or that goes back."""
    told = read.transcript
    started_us = _us(told.started_at, read.place)
    first = h.ConversationImported(
        source=source,
        outside_id=told.id,
        channel=told.channel,
        language=told.language,
        subject=told.subject,
        original=_json(read.original),
    )
    facts, turns = [Told(started_us, None, first)], _Turns()
    for number, (entry, original) in enumerate(zip(told.entries, read.originals, strict=True)):
        place = f"{read.place}: entries[{number}]"
        at_us = facts[-1].at_us if entry.at is None else _us(entry.at, place)
        turn_id = turns.of(entry)
        facts.append(Told(at_us, turn_id, _payload(entry, f"e{number + 1}", _json(original))))
        if at_us < facts[-2].at_us:
            raise BadHistoryError(f"{place}: it is older than what stands before it")
    if told.ended:
        at_us = facts[-1].at_us if told.ended_at is None else _us(told.ended_at, read.place)
        if at_us < facts[-1].at_us:
            raise BadHistoryError(f"{read.place}: ended_at is older than the last entry")
        facts.append(Told(at_us, None, h.ImportedConversationEnded(reason=told.ended)))
    if facts[-1].at_us > now_us:
        raise BadHistoryError(f"{read.place}: a time lies in the future")
    return facts


def with_ids(conversation_id: str, facts: Iterable[Told], key: DataKey) -> Iterator[tuple[str, Told]]:
    for number, told in enumerate(facts):
        said = json.dumps([told.at_us, told.turn_id, type(told.payload).__name__, repr(told.payload)]).encode()
        digest = hmac.new(key.digest_key, said, hashlib.sha256).hexdigest()
        yield derived_id(conversation_id, number, digest), told


def chained(
    conversation_id: str, facts: Iterable[tuple[str, Told]], codec: Codec, after: Event | None
) -> Iterator[tuple[Event, Body]]:
    """The events behind ``after``, the newest that is on the log (None: none is). Raises ``KeysUnavailableError``."""
    seq, prev_hash = (after.seq, after.hash) if after else (0, GENESIS)
    for event_id, told in facts:
        fact = fact_event(
            conversation_id, told.payload, event_id=event_id, turn_id=told.turn_id, occurred_at_us=told.at_us
        )
        seq += 1
        body, event = codec.encode(_stamped(fact, seq, prev_hash))
        prev_hash = event.hash
        yield event, body


def _stamped(fact: Event, seq: int, prev_hash: bytes) -> Event:
    return replace(
        fact, seq=seq, prev_hash=prev_hash, step_id=fact.event_id, step_size=1, accepted_at_us=fact.occurred_at_us
    )


class _Turns:
    """A turn begins with what the caller says behind anything else; what stands before is the agent's greeting."""

    def __init__(self) -> None:
        self._number, self._is_callers = 0, False

    def of(self, entry: AnyEntry) -> str | None:
        if isinstance(entry, Message) and entry.role != "system":
            if self._number == 0 or (entry.role == "caller" and not self._is_callers):
                self._number += 1
            self._is_callers = entry.role == "caller"
        return f"t{self._number}" if self._number else None


def _payload(entry: AnyEntry, call_id: str, original: str) -> Fact:
    if isinstance(entry, Message):
        return h.MessageImported(role=entry.role, text=entry.text, original=original)
    if isinstance(entry, ModelCall):
        return h.ModelCallImported(
            call_id=call_id,
            messages=_json(entry.messages),
            text=entry.text,
            provider=entry.provider,
            model=entry.model,
            prompt_version=entry.prompt_version,
            input_tokens=entry.input_tokens,
            cached_tokens=entry.cached_tokens,
            output_tokens=entry.output_tokens,
            cost_micros=entry.cost_micros,
            first_token_ms=entry.first_token_ms,
            total_ms=entry.total_ms,
            failed=entry.error,
            original=original,
        )
    if isinstance(entry, ToolCall):
        return h.ToolCallImported(
            call_id=call_id,
            tool=entry.tool,
            arguments=_json(entry.arguments),
            result=_json(entry.result),
            elapsed_ms=entry.elapsed_ms,
            failed=entry.error,
            original=original,
        )
    return h.RecordImported(name=entry.name, original=original)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _us(text: str, place: str) -> int:
    try:
        return us_of(text)
    except ValueError:
        raise BadHistoryError(f"{place}: a time is not ISO 8601") from None
