"""Rules about guardrails: what they blocked, what they couldn't judge, and what they said in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from projections.why.case import Case
from projections.why.findings import Finding, quoted
from schemas import decisions as d
from schemas.event import Event

_UNJUDGED = ("guardrail_failed", "not_judged", "guest_silent", "late")


def blocked(case: Case) -> Iterator[Finding]:
    """One finding a guardrail that blocked. It weighs most where it decided what the caller heard."""
    for name in dict.fromkeys(v.guardrail for _, v in case.of(d.VerdictIssued) if v.required and not v.passed):
        verdicts = [(e, v) for e, v in case.of(d.VerdictIssued) if v.guardrail == name and v.required and not v.passed]
        event, verdict = verdicts[0]
        on_input = not verdict.candidate_id
        unjudged = any(_is_unjudged(v) for _, v in verdicts)
        about = "the caller's words" if on_input else f"{len(verdicts)} of {_formed(case)} candidates"
        seen = _evidence(case, event, verdict)
        told = f"The guardrail {name} {'could not judge, and blocks then' if unjudged else 'blocked'} {about}: "
        told += f"{', '.join(verdict.reasons) or 'no reason given'}{f', at {seen}' if seen else ''}."
        mattered = on_input or _lost_the_answer(case, {v.candidate_id for _, v in verdicts})
        weight = (93 if unjudged else 91) if mattered else 48
        yield Finding(kind="guardrail", weight=weight, told=told, seqs=tuple(e.seq for e, _ in verdicts)[:4])


def objected_in_vain(case: Case) -> Iterator[Finding]:
    """What was said although a guardrail objected, since behaviour doesn't require it, or lets its failure pass."""
    said = case.said
    for event, verdict in case.of(d.VerdictIssued):
        if said is None or verdict.candidate_id != said.candidate_id:
            continue
        if not verdict.passed and not verdict.required:
            told = (
                f"The guardrail {verdict.guardrail} objected to what was said ({', '.join(verdict.reasons)}"
                f"{_at(case, event, verdict)}), and isn't required: it blocks nothing."
            )
            yield Finding(kind="guardrail", weight=88, told=told, seqs=(event.seq,))
        elif verdict.passed and _is_unjudged(verdict):
            told = (
                f"The guardrail {verdict.guardrail} didn't judge what was said ({', '.join(verdict.reasons)}), and behaviour "
                f"lets its failure pass."
            )
            yield Finding(kind="guardrail", weight=82, told=told, seqs=(event.seq,))


def escalating_cue(case: Case) -> Iterator[Finding]:
    said = case.said
    if said is None or said.action != "escalate" or case.behaviour is None:
        return
    for event, verdict in case.of(d.VerdictIssued):
        cues = [reason for reason in verdict.reasons if reason in case.behaviour.routing.escalate_on]
        if cues and not verdict.candidate_id:
            told = f"A person was called for a cue in the caller's words: {', '.join(cues)}, found by the guardrail {verdict.guardrail}{_at(case, event, verdict)}; routing.escalate_on names it."
            yield Finding(kind="guardrail", weight=87, told=told, seqs=(event.seq,))


def _is_unjudged(verdict: d.VerdictIssued) -> bool:
    return any(reason.startswith(_UNJUDGED) or reason.endswith("_late") for reason in verdict.reasons)


def _formed(case: Case) -> int:
    return sum(1 for _ in case.of(d.CandidateFormed))


def _lost_the_answer(case: Case, blocked_ids: set[str]) -> bool:
    """Whether what was said in the end isn't of the same question and kind as what was blocked."""
    said = case.said
    formed = [p for _, p in case.of(d.CandidateFormed) if p.candidate_id in blocked_ids]
    if said is None:
        return bool(formed)
    others = [p for p in formed if (p.intent, p.action) == (said.intent, said.action) and said.origin == p.origin]
    return not others or said.action == "fallback"


def _evidence(case: Case, event: Event, verdict: d.VerdictIssued) -> str:
    text = "" if case.is_forgotten else _judged(case, event, verdict)
    places = _apart((span.start, span.end) for span in verdict.evidence if span.end <= len(text))
    found = [text[start:end] for start, end in places]
    return ", ".join(quoted(words, 60) for words in dict.fromkeys(found) if words)


def _apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, those that overlap as one: a guardrail that compares word by word finds the same words many times."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _at(case: Case, event: Event, verdict: d.VerdictIssued) -> str:
    seen = _evidence(case, event, verdict)
    return f", at {seen}" if seen else ""


def _judged(case: Case, event: Event, verdict: d.VerdictIssued) -> str:
    if verdict.candidate_id:
        formed = (p for _, p in case.of(d.CandidateFormed) if p.candidate_id == verdict.candidate_id)
        return next((p.text for p in formed), "")
    opened = (p for e, p in case.of(d.SpeculationOpened) if p.speculation == verdict.speculation and e.seq < event.seq)
    return next((p.question for p in opened), "")


RULES = (blocked, objected_in_vain, escalating_cue)
