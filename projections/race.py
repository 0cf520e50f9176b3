"""How a turn was decided: every attempt, candidate, verdict and sound of it, with ms from the end of speech."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from schemas.models import ProviderCost

Asked = d.ClassificationAsked | d.PassagesAsked | d.GuardrailAsked | d.CompletionAsked | d.ToolRequested
Returned = f.ScoresReturned | f.PassagesFound | f.CompletionReturned | f.ToolReturned


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of the outside world. ``state``: open, returned, failed, cancelled. ``took_ms``: as measured.
    ``parts``: who was asked, where several providers were."""

    ask_id: str
    kind: str  # classification | passages | answer | tool | guardrail
    attempt: int
    intent: str | None = None
    state: str = "open"
    reason: str | None = None
    provider: str | None = None
    model: str | None = None
    first_token_ms: float | None = None
    took_ms: float | None = None
    cost_micros: int | None = None
    parts: tuple[ProviderCost, ...] = ()


class CandidateReport(msgspec.Struct, frozen=True, kw_only=True):
    """``fate``: judged, accepted, dropped, chosen. ``formed_ms``: from the end of speech, negative while the caller
    still seemed to go on. ``took_ms``: of the model's call."""

    candidate_id: str
    intent: str
    action: str
    origin: str
    text: str
    fate: str
    reason: str | None
    provider: str | None
    formed_ms: float | None
    took_ms: float | None


class VerdictReport(msgspec.Struct, frozen=True, kw_only=True):
    """``candidate_id`` is null for a verdict on the caller's words."""

    guardrail: str
    stage: str
    candidate_id: str | None
    passed: bool
    required: bool
    reasons: tuple[str, ...]


class SoundReport(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: hold, reply, closing. ``text``: what was really played of it."""

    kind: str
    sound_id: str
    text: str
    since_speech_end_ms: float | None


class Race(msgspec.Struct, frozen=True, kw_only=True):
    attempts: tuple[Attempt, ...]
    candidates: tuple[CandidateReport, ...]
    verdicts: tuple[VerdictReport, ...]
    sounds: tuple[SoundReport, ...]


class _Candidate(msgspec.Struct):
    formed: d.CandidateFormed
    formed_at_us: int
    fate: str = "judged"
    reason: str | None = None


class RaceFold:
    def __init__(self) -> None:
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._candidates: dict[str, _Candidate] = {}
        self._verdicts: list[VerdictReport] = []
        self.top_intent: str | None = None  # of the newest classification

    def take(self, event: Event) -> None:
        payload = event.payload
        if isinstance(payload, Asked):
            self._asked(payload)
        elif isinstance(payload, d.AttemptAsked):
            self._one_more(payload)
        elif isinstance(payload, Returned):
            self._returned(payload)
        elif isinstance(payload, f.EffectFailed):
            self._over(payload, state="failed", reason=payload.reason, provider=payload.provider or None)
        elif isinstance(payload, f.EffectCancelled):
            self._over(payload, state="cancelled", cost_micros=payload.cost_micros)
        elif isinstance(payload, d.CandidateFormed):
            self._candidates[payload.candidate_id] = _Candidate(payload, event.accepted_at_us)
        elif isinstance(payload, d.CandidateAccepted):
            self._settle(payload.candidate_id, "accepted", None)
        elif isinstance(payload, d.CandidateDropped):
            self._settle(payload.candidate_id, "dropped", payload.reason)
        elif isinstance(payload, d.Spoken):
            self._settle(payload.candidate_id, "chosen", None)
        elif isinstance(payload, d.VerdictIssued):
            self._verdicts.append(_verdict(payload))

    def action_of(self, candidate_id: str) -> str | None:
        candidate = self._candidates.get(candidate_id)
        return candidate.formed.action if candidate else None

    def report(self, speech_ended_at_us: int, sounds: tuple[SoundReport, ...]) -> Race:
        return Race(
            attempts=tuple(self._attempts.values()),
            candidates=tuple(self._candidate(c, speech_ended_at_us) for c in self._candidates.values()),
            verdicts=tuple(self._verdicts),
            sounds=sounds,
        )

    def _asked(self, asked: Asked) -> None:
        completion = asked if isinstance(asked, d.CompletionAsked) else None
        for attempt in range(completion.attempts if completion else 1):
            self._attempts[asked.ask_id, attempt] = Attempt(
                ask_id=asked.ask_id,
                kind=_KINDS[type(asked)],
                attempt=attempt,
                intent=asked.intent if isinstance(asked, d.CompletionAsked | d.ToolRequested) else None,
            )

    def _one_more(self, asked: d.AttemptAsked) -> None:
        first = self._attempts.get((asked.ask_id, 0))
        if first:
            self._attempts[asked.ask_id, asked.attempt] = Attempt(
                ask_id=asked.ask_id, kind=first.kind, attempt=asked.attempt, intent=first.intent
            )

    def _returned(self, returned: Returned) -> None:
        if isinstance(returned, f.CompletionReturned):
            self._over(
                returned,
                state="returned",
                provider=returned.provider,
                model=returned.model,
                first_token_ms=returned.first_token_ms,
                took_ms=returned.total_ms,
                cost_micros=returned.cost_micros,
            )
        elif isinstance(returned, f.ScoresReturned):
            attempt = self._over(returned, state="returned", model=returned.model)
            if attempt and attempt.kind == "classification" and returned.scores:
                self.top_intent = max(returned.scores, key=lambda s: (s.value, s.name)).name
        else:
            self._over(returned, state="returned")

    def _over(self, outcome: Any, **changes: Any) -> Attempt | None:
        key = (outcome.ask_id, getattr(outcome, "attempt", 0))
        attempt = self._attempts.get(key)
        if attempt is None:
            return None
        over: Attempt = replace(
            attempt,
            **{"took_ms": getattr(outcome, "elapsed_ms", None), "parts": getattr(outcome, "parts", ()), **changes},
        )
        self._attempts[key] = over
        return over

    def _settle(self, candidate_id: str, fate: str, reason: str | None) -> None:
        candidate = self._candidates.get(candidate_id)
        if candidate:
            candidate.fate, candidate.reason = fate, reason

    def _candidate(self, candidate: _Candidate, speech_ended_at_us: int) -> CandidateReport:
        formed = candidate.formed
        attempt = self._attempts.get((formed.ask_id, formed.attempt)) if formed.ask_id else None
        return CandidateReport(
            candidate_id=formed.candidate_id,
            intent=formed.intent,
            action=formed.action,
            origin=formed.origin,
            text=formed.text,
            fate=candidate.fate,
            reason=candidate.reason,
            provider=attempt.provider if attempt else None,
            formed_ms=(candidate.formed_at_us - speech_ended_at_us) / 1000,
            took_ms=attempt.took_ms if attempt else None,
        )


_KINDS: dict[type, str] = {
    d.ClassificationAsked: "classification",
    d.PassagesAsked: "passages",
    d.GuardrailAsked: "guardrail",
    d.CompletionAsked: "answer",
    d.ToolRequested: "tool",
}


def _verdict(issued: d.VerdictIssued) -> VerdictReport:
    return VerdictReport(
        guardrail=issued.guardrail,
        stage=issued.stage,
        candidate_id=issued.candidate_id or None,
        passed=issued.passed,
        required=issued.required,
        reasons=issued.reasons,
    )
