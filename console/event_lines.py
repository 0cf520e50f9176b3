"""One line an event: for a terminal that isn't one, for ``show --events``, and for an engineer at night."""

from __future__ import annotations

from typing import Any

import msgspec

from console.symbols import visible
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from schemas.models import ProviderCost
from streams.codec import FORGOTTEN

TEXT_COLUMNS = 72  # a longer text is cut: the whole one is in ``show --json``
TOP_SCORES = 3
_ROUTINE = (
    d.ClassificationAsked,
    d.PassagesAsked,
    d.GuardrailAsked,
    d.TimerSet,
    f.SpeechProgressed,
)


def event_line(event: Event, since_begin_ms: float) -> str:
    """``seq  ms  turn  kind  type  payload``; ``since_begin_ms`` counts from the call's first event."""
    turn = event.turn_id or "-"
    payload = payload_text(event.payload)
    line = f"{event.seq:>5} {since_begin_ms:>9,.0f} ms  {turn:<4} {event.kind.value:<8}  {event.type:<21} {payload}".rstrip()
    return visible(line.replace("\n", " "))  # one line, whatever was said


def is_routine(event: Event) -> bool:
    """What a watcher needn't see: asks that always go together, progress, and verdicts with nothing to say."""
    payload = event.payload
    if isinstance(payload, d.VerdictIssued):
        return payload.passed and not payload.reasons
    return isinstance(payload, _ROUTINE)


def payload_text(payload: Payload) -> str:
    """The fields that say something, ``name=value``; long texts cut, bulk counted."""
    special = _special(payload)
    if special is not None:
        return special
    fields = ((name, getattr(payload, name)) for name in payload.__struct_fields__)
    return " ".join(f"{name}={_value(name, value)}" for name, value in fields if value not in ("", None, ()))


def _special(payload: Payload) -> str | None:
    """Payloads that are bulk, or that read better in another order."""
    if isinstance(payload, f.ScoresReturned):
        best = sorted(payload.scores, key=lambda score: -score.value)[:TOP_SCORES]
        scores = ", ".join(f"{score.name} {score.value:.2f}" for score in best)
        parts = f" parts={_value('parts', payload.parts)}" if payload.parts else ""
        return f"ask_id={payload.ask_id} scores=[{scores}]{_took(payload.elapsed_ms)}{parts}"
    if isinstance(payload, f.PassagesFound):
        return f"ask_id={payload.ask_id} articles=[{_articles(payload.passages)}]{_took(payload.elapsed_ms)}"
    if isinstance(payload, d.CompletionAsked):
        return (
            f"ask_id={payload.ask_id} model={payload.model} attempts={payload.attempts}"
            f" timeout_ms={payload.timeout_ms} purpose={payload.purpose}"
        )
    if isinstance(payload, d.VerdictIssued):
        about = payload.candidate_id or "the caller's words"
        verdict = "pass" if payload.passed else "BLOCK" if payload.required else "fail (not required)"
        reasons = f" reasons={','.join(payload.reasons)}" if payload.reasons else ""
        return f"{verdict} {payload.guardrail}@{payload.guardrail_version} on {about}{reasons}"
    if isinstance(payload, d.StandingGranted):
        marks = ",".join(map(str, payload.hold_marks_ms))
        return (
            f"take={payload.take} phrases={len(payload.phrases)} hold_marks_ms={marks} hard_ms={payload.hard_ms}"
            f" guarded_by={','.join(payload.guarded_by)}"
        )
    return None


def _value(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if name.endswith("_ms") else f"{value:.3f}"
    if isinstance(value, tuple):
        return ",".join(_asked(item) if isinstance(item, ProviderCost) else str(item) for item in value)
    if isinstance(value, str) and name.endswith(("_hash", "_digest")):
        return value[:12]
    if isinstance(value, str) and (" " in value or name in ("text", "question", "spoken", "spoken_so_far", "query")):
        flat = " ".join(value.split())
        return f'"{flat if len(flat) <= TEXT_COLUMNS else flat[: TEXT_COLUMNS - 1] + "…"}"'
    return str(value)


def _asked(part: ProviderCost) -> str:
    """Who, what came of it, for how much."""
    times = f"×{part.calls}" if part.calls > 1 else ""
    cost = "?" if part.cost_micros is None else str(part.cost_micros)
    return f"{part.provider}:{part.outcome}{times}:{cost}"


def _took(elapsed_ms: float | None) -> str:
    return "" if elapsed_ms is None else f" elapsed_ms={elapsed_ms:.1f}"


def _articles(passages: str) -> str:
    if passages == FORGOTTEN:
        return FORGOTTEN
    found = msgspec.json.decode(passages, type=list[f.FoundPassage])
    return ", ".join(f"{p.article_id}{'' if p.public else ' (private)'}" for p in found)
