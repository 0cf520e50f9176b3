"""What a turn asked for, and until when it was waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from projections.why.case import Case
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event

_Asked = d.ClassificationAsked | d.PassagesAsked | d.GuardrailAsked | d.CompletionAsked | d.ToolRequested


class Wait(NamedTuple):
    """``over_ms``: what was asked for came, or nobody wanted it any more; None: neither happened."""

    name: str
    asked_ms: float
    over_ms: float | None


def waits(case: Case) -> list[Wait]:
    """One for each ask of the turn. Of attempts that race, the one whose text was chosen is the one that was waited for."""
    dropped, unwanted = _dropped(case), dropped_without_delay(case)
    found: list[Wait] = []
    for event in case.events:
        asked = event.payload
        if not isinstance(asked, _Asked):
            continue
        outcomes = _outcomes(case, asked.ask_id)
        if isinstance(asked, d.CompletionAsked):
            came = _text_that_counted(case, asked, outcomes, dropped)
        else:
            came = next((e for e in outcomes if not isinstance(e.payload, f.EffectFailed | f.EffectCancelled)), None)
        over = came
        if isinstance(asked, d.GuardrailAsked) and asked.candidate_id in unwanted:
            over = min((e for e in (came, dropped[asked.candidate_id]) if e), key=lambda e: e.seq)
        found.append(Wait(_name(asked, came), case.ms(event), case.ms(over) if over else None))
    return found


def dropped_without_delay(case: Case) -> set[str]:
    """Candidates on which nobody waited for further verdicts: dropped, and not since a guardrail let its time go by."""
    late = {v.candidate_id for _, v in case.of(d.VerdictIssued) if any(r.endswith("_late") for r in v.reasons)}
    return _dropped(case).keys() - late


def _dropped(case: Case) -> dict[str, Event]:
    return {p.candidate_id: e for e, p in case.of(d.CandidateDropped)}


def _outcomes(case: Case, ask_id: str) -> list[Event]:
    return [e for e in case.call if getattr(e.payload, "ask_id", "") == ask_id and e.kind.value == "fact"]


def _text_that_counted(
    case: Case, asked: d.CompletionAsked, outcomes: Sequence[Event], dropped: dict[str, Event]
) -> Event | None:
    """The first text of the attempt that was chosen; where none was, the first that wasn't lost to a guardrail."""
    texts = [e for e in outcomes if isinstance(e.payload, f.SentenceReturned | f.CompletionReturned)]
    said = case.said
    if said is not None and said.ask_id == asked.ask_id:
        return next((e for e in texts if getattr(e.payload, "attempt", 0) == said.attempt), None)
    ended = {getattr(e.payload, "attempt", 0) for e in outcomes if not isinstance(e.payload, f.SentenceReturned)}
    lost = {p.attempt for _, p in case.of(d.CandidateFormed) if p.ask_id == asked.ask_id and p.candidate_id in dropped}
    still_running = {a.attempt for a in case.turn.race.attempts if a.ask_id == asked.ask_id} - ended
    standing = [e for e in texts if getattr(e.payload, "attempt", 0) not in lost]
    if standing or not still_running:
        return next(iter(standing or texts), None)
    return None


def _name(asked: _Asked, outcome: Event | None) -> str:
    by = getattr(outcome.payload, "provider", "") if outcome else ""
    if isinstance(asked, d.CompletionAsked):
        return f"an answer about {asked.intent}{f' from {by}' if by else ''}"
    if isinstance(asked, d.GuardrailAsked):
        return f"the guardrail {asked.guardrail}"
    if isinstance(asked, d.ToolRequested):
        return f"the tool {asked.tool}"
    return "the classification" if isinstance(asked, d.ClassificationAsked) else "the search for passages"
