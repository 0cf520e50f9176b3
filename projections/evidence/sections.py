"""What of a conversation answers which question: prompts, completions, tool calls, decisions, approvals, versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from schemas import decisions as d
from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event
from schemas.history import ConversationImported, ModelCallImported

# By name, so that event types of a later day need no line here to be found under decisions.
PROMPTS = (
    "CompletionAsked",
    "ClassificationAsked",
    "GuardrailAsked",
    "PassagesAsked",
    "AttemptAsked",
    "ModelCallImported",
)
COMPLETIONS = ("CompletionReturned", "SentenceReturned", "ModelCallImported", "EffectFailed", "EffectCancelled")
_TOOLS = ("Tool", "Write", "Undo")
APPROVALS = ("WriteApproved", "SubjectAuthenticated", "ProofAccepted", "StandingGranted", "CandidateAccepted")


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """``deciders``: versions of the code that decided. ``events``: version of each type's schema."""

    behaviour_seq: int | None
    behaviour_hash: str | None
    deciders: tuple[str, ...]
    guardrails: tuple[str, ...]
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    events: dict[str, int]
    source: str | None


def shown(event: Event) -> dict[str, Any]:
    """An event for people: place, type, turn, and its plaintext."""
    return {
        "seq": event.seq,
        "type": event.type,
        "kind": event.kind.value,
        "turn_id": event.turn_id,
        "payload": msgspec.to_builtins(event.payload),
    }


def sections(events: Sequence[Event]) -> dict[str, list[dict[str, Any]]]:
    """Each in order of the log. An event may answer several questions."""
    return {
        "prompts": [shown(e) for e in events if e.type in PROMPTS],
        "completions": [shown(e) for e in events if e.type in COMPLETIONS],
        "tool_calls": [shown(e) for e in events if e.type.startswith(_TOOLS)],
        "approvals": [shown(e) for e in events if e.type in APPROVALS],
        "decisions": [shown(e) for e in events if e.kind is Kind.DECISION],
    }


def versions_of(events: Sequence[Event]) -> Versions:
    opened = next((e.payload for e in events if isinstance(e.payload, d.ConversationOpened)), None)
    imported = next((e.payload for e in events if isinstance(e.payload, ConversationImported)), None)
    return Versions(
        behaviour_seq=opened.behaviour_seq if opened else None,
        behaviour_hash=opened.behaviour_hash if opened else None,
        deciders=_distinct(e.decider_version for e in events if e.kind is Kind.DECISION),
        guardrails=_distinct(
            f"{e.payload.guardrail}@{e.payload.guardrail_version}"
            for e in events
            if isinstance(e.payload, d.VerdictIssued)
        ),
        models=_distinct(map(_model, events)),
        prompts=_distinct(e.payload.prompt_version for e in events if isinstance(e.payload, ModelCallImported)),
        events={e.type: e.schema_version for e in events},
        source=imported.source if imported else None,
    )


def _model(event: Event) -> str | None:
    payload = event.payload
    if isinstance(payload, f.CompletionReturned | ModelCallImported):
        return "/".join(part for part in (payload.provider, payload.model) if part)
    return payload.model if isinstance(payload, f.ScoresReturned) else None


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))
