"""Facts of conversations that we never ran: what another system recorded, taken in as it said it.

Such a conversation begins with ``ConversationImported`` and holds facts alone. It is closed from its first event on, so no
decider ever looks at it: no decision in it is ours. Times are the other system's. ``original`` is the record as it came
(JSON), so nothing of it is lost, whatever the other fields could not say. Unknown is null.
"""

from __future__ import annotations

from schemas.base import Fact, PrivateText


class ConversationImported(Fact, frozen=True, kw_only=True):
    """A conversation of another system. ``source``: what it was read from: transcripts, otel or langfuse.

    ``outside_id``: that system's own id of it. ``subject``: whom it was with, where that is known.
    """

    source: str
    outside_id: PrivateText
    channel: str = ""
    language: str = ""
    subject: PrivateText = ""
    original: PrivateText = ""


class MessageImported(Fact, frozen=True, kw_only=True):
    """Something that was said. ``role``: caller, agent, or system (what neither of them said). ``turn_id`` of the envelope
    numbers the turns: one begins with the first caller's message behind another's."""

    role: str
    text: PrivateText
    original: PrivateText = ""


class ModelCallImported(Fact, frozen=True, kw_only=True):
    """A model was asked. ``messages``: JSON of what it was shown; ``failed``: the other system's word for what went wrong."""

    call_id: str
    messages: PrivateText
    text: PrivateText
    provider: str = ""
    model: str = ""
    prompt_version: str = ""
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int | None = None
    first_token_ms: float | None = None
    total_ms: float | None = None
    failed: str = ""
    original: PrivateText = ""


class ToolCallImported(Fact, frozen=True, kw_only=True):
    """A tool was called. ``arguments`` and ``result`` as the other system wrote them, JSON where it did."""

    call_id: str
    tool: str
    arguments: PrivateText
    result: PrivateText
    elapsed_ms: float | None = None
    failed: str = ""
    original: PrivateText = ""


class RecordImported(Fact, frozen=True, kw_only=True):
    """A record of the conversation that is none of the above, such as a span of a database: kept, and read by nobody."""

    name: str
    original: PrivateText


class ImportedConversationEnded(Fact, frozen=True, kw_only=True):
    """Where the other system knew it. ``reason``: its word for it."""

    reason: str


TYPES = frozenset(
    fact.__name__
    for fact in (
        ConversationImported,
        MessageImported,
        ModelCallImported,
        ToolCallImported,
        RecordImported,
        ImportedConversationEnded,
    )
)
"""Names of them all: what holds nothing else has no work under way, however it ends."""
