"""Decider: verdicts. Every guardrail judges at once; a candidate is accepted when all required ones passed.

Patterns and policies are judged here, in the cascade. A guardrail with a model in it is asked for its scores first:
those are a fact, and the verdict on them is the decision. Its budget is a timer: once that fires, nobody judged, and that
means what its failure means. What guests judge stands in ``processors/guests.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent_core import guard_budget
from agent_core.conversation import Ask, Candidate, Conversation, Fate, Turn
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.guests import guests_of
from agent_core.judges import guards_for
from agent_core.judging import (
    Judgement,
    failed,
    input_subject,
    judge,
    late,
    needs_scores,
    output_subject,
)
from agent_core.targets import guards_of
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (
    d.SpeculationOpened,
    d.CandidateFormed,
    d.AskRepeated,
    f.ScoresReturned,
    f.EffectFailed,
    f.TimerFired,
    d.VerdictIssued,
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if turn is None:
        return
    if isinstance(payload, d.SpeculationOpened):
        subject = input_subject(conversation, turn)
        for name in guards_of(conversation.behaviour_hash, conversation.behaviour, Stage.INPUT):
            yield from _judge_or_ask(conversation, turn, name, "", subject, event.accepted_at_us)
    elif isinstance(payload, d.CandidateFormed):
        candidate = turn.candidates.get(payload.candidate_id)
        if candidate:
            yield from _guard_candidate(conversation, turn, candidate, event.accepted_at_us)
    elif isinstance(payload, f.ScoresReturned | f.EffectFailed):
        ask = conversation.asks.get(payload.ask_id)
        if ask and isinstance(ask.payload, d.GuardrailAsked) and ask.speculation == turn.speculation:
            if ask.open or _is_judged(turn, ask.payload):
                return  # another attempt is still under way, or was faster
            yield from _judge_scores(conversation, turn, ask.payload, payload)
    elif isinstance(payload, f.TimerFired) and payload.purpose == guard_budget.TIMER:
        yield from _late(conversation, turn, payload.timer_id)
    elif isinstance(payload, d.AskRepeated):
        ask = conversation.asks.get(payload.ask_id)
        if ask and isinstance(ask.payload, d.GuardrailAsked):
            yield _budget(conversation, ask, event.accepted_at_us)
    elif isinstance(payload, d.VerdictIssued) and payload.candidate_id:
        yield from _settle(conversation, turn, payload)


def _guard_candidate(conversation: Conversation, turn: Turn, candidate: Candidate, at_us: int) -> Iterator[Decision]:
    subject = output_subject(conversation, turn, candidate)
    guards = guards_for(conversation, candidate)
    for name in guards:
        yield from _judge_or_ask(conversation, turn, name, candidate.candidate_id, subject, at_us)
    if not guards and not _awaited(conversation, candidate):
        yield d.CandidateAccepted(candidate_id=candidate.candidate_id)


def _judge_or_ask(
    conversation: Conversation, turn: Turn, name: str, candidate_id: str, subject: GuardInput, at_us: int
) -> Iterator[Decision]:
    if needs_scores(name):
        about = candidate_id or f"{turn.turn_id}.s{turn.speculation}"
        asked = d.GuardrailAsked(
            ask_id=f"{about}.guard.{name}", guardrail=name, candidate_id=candidate_id, text=subject.text
        )
        yield asked
        yield _budget(conversation, Ask(asked.ask_id, asked, turn.turn_id, turn.speculation), at_us)
    else:
        judgement = judge(conversation.behaviour, name, subject)
        yield verdict_of(conversation, turn, name, candidate_id, judgement)


def _budget(conversation: Conversation, ask: Ask, at_us: int) -> Decision:
    """From here on it has its whole budget, after a change of owner too."""
    assert isinstance(ask.payload, d.GuardrailAsked)
    due_at_us = at_us + guard_budget.budget_ms(conversation.behaviour, ask.payload.guardrail) * 1000
    return d.TimerSet(timer_id=guard_budget.timer_of(ask), purpose=guard_budget.TIMER, due_at_us=due_at_us)


def _late(conversation: Conversation, turn: Turn, timer_id: str) -> Iterator[Decision]:
    for ask in conversation.asks.values():
        asked = ask.payload
        if not isinstance(asked, d.GuardrailAsked) or guard_budget.timer_of(ask) != timer_id:
            continue
        if ask.speculation == turn.speculation and not _is_judged(turn, asked):
            judgement = late(conversation.behaviour, asked.guardrail)
            yield verdict_of(conversation, turn, asked.guardrail, asked.candidate_id, judgement)


def _is_judged(turn: Turn, asked: d.GuardrailAsked) -> bool:
    candidate = turn.candidates.get(asked.candidate_id)
    verdicts = candidate.verdicts if candidate else {} if asked.candidate_id else turn.input_verdicts
    return asked.guardrail in verdicts


def _judge_scores(
    conversation: Conversation, turn: Turn, asked: d.GuardrailAsked, outcome: f.ScoresReturned | f.EffectFailed
) -> Iterator[Decision]:
    candidate = turn.candidates.get(asked.candidate_id)
    if isinstance(outcome, f.EffectFailed):
        judgement = failed(conversation.behaviour, asked.guardrail, f"guardrail_failed:{outcome.reason}")
    else:
        subject = output_subject(conversation, turn, candidate) if candidate else input_subject(conversation, turn)
        scored = replace(subject, scores={score.name: score.value for score in outcome.scores})
        judgement = judge(conversation.behaviour, asked.guardrail, scored)
    yield verdict_of(conversation, turn, asked.guardrail, asked.candidate_id, judgement)


def verdict_of(
    conversation: Conversation,
    turn: Turn,
    name: str,
    candidate_id: str,
    judgement: Judgement,
    stage: Stage | None = None,
) -> d.VerdictIssued:
    """``stage``: None for what is said, by the agent where a candidate is named, else by the caller."""
    setting = conversation.behaviour.guardrail(name)
    return d.VerdictIssued(
        guardrail=name,
        guardrail_version=registry.find(name).version,
        stage=(stage or (Stage.OUTPUT if candidate_id else Stage.INPUT)).value,
        candidate_id=candidate_id,
        speculation=turn.speculation,
        passed=judgement.passed,
        required=setting.required if setting else True,
        reasons=judgement.reasons,
        evidence=tuple(d.EvidenceSpan(span.start, span.end) for span in judgement.evidence),
    )


def _settle(conversation: Conversation, turn: Turn, verdict: d.VerdictIssued) -> Iterator[Decision]:
    candidate = turn.candidates.get(verdict.candidate_id)
    if candidate is None or candidate.fate is not Fate.JUDGED:
        return
    if verdict.required and not verdict.passed:
        yield d.CandidateDropped(candidate_id=candidate.candidate_id, reason=f"blocked:{verdict.guardrail}")
        return
    guards = guards_for(conversation, candidate)
    needed = (*guards, *_awaited(conversation, candidate))
    if all(candidate.verdicts.get(name, False) for name in needed):
        yield d.CandidateAccepted(candidate_id=candidate.candidate_id)


def _awaited(conversation: Conversation, candidate: Candidate) -> tuple[str, ...]:
    """The guests whose verdict the candidate waits for."""
    return tuple(guest.name for guest in guests_of(conversation.behaviour, candidate) if guest.required)
