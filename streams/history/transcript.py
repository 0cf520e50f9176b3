"""A conversation that another system ran, in the one shape that every source is read into.

It is also the documented form of a line of a transcripts file (``ledgerline schema transcripts``). What a source says beyond
these fields isn't lost: each event keeps its record as it came. Times are ISO 8601 (UTC where no zone is named), amounts as
their names say. What isn't known is left out, never 0.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Json = Any
_MOST = 2**53 - 1  # what JSON's numbers hold exactly
Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """``at``: when it was said, or done; that of the entry before it where it is left out."""

    at: str | None = None


class Message(Entry, frozen=True, kw_only=True, tag="message"):
    """``role``: caller, agent, or system: what neither of them said."""

    role: Literal["caller", "agent", "system"]
    text: str


class ModelCall(Entry, frozen=True, kw_only=True, tag="model_call"):
    """``messages``: what the model was shown, as its provider took it. ``error``: what went wrong, where it did."""

    messages: Json = None
    text: str = ""
    provider: str = ""
    model: str = ""
    prompt_version: str = ""
    input_tokens: Count | None = None
    cached_tokens: Count | None = None
    output_tokens: Count | None = None
    cost_micros: Count | None = None
    first_token_ms: Milliseconds | None = None
    total_ms: Milliseconds | None = None
    error: str = ""


class ToolCall(Entry, frozen=True, kw_only=True, tag="tool_call"):
    """``arguments``, ``result``: JSON, or text."""

    tool: str
    arguments: Json = None
    result: Json = None
    elapsed_ms: Milliseconds | None = None
    error: str = ""


class Record(Entry, frozen=True, kw_only=True, tag="record"):
    """Anything else, by its name. It is kept as it came."""

    name: str


AnyEntry = Message | ModelCall | ToolCall | Record


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. ``id``: the other system's own, by which importing it again adds only what is new.

    ``subject``: whom it was with, as ``ledgerline forget`` will name them. ``ended``: why it ended, where that is known.
    """

    id: Annotated[str, msgspec.Meta(min_length=1)]
    started_at: str
    entries: list[AnyEntry]
    channel: str = ""
    language: str = ""
    subject: str = ""
    ended: str = ""
    ended_at: str | None = None


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it was read. ``place``: where, as FILE:LINE. ``originals``: each entry's record as it came, in the
    order of the entries; ``original``: what belongs to no entry."""

    transcript: Transcript
    place: str
    original: Json
    originals: tuple[Json, ...]


def count_of(value: Any) -> int | None:
    """A whole number, which exports may write as text; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(_MOST)):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


class BadHistoryError(Exception):
    """A record that can't be taken. The message begins with FILE:LINE and holds none of its words."""
