"""Decider: verdicts. Every guardrail judges at once; a candidate is accepted when all required ones passed.

Patterns and policies are judged here, in the cascade. A guardrail with a model in it is asked for its scores first:
those are a fact, and the verdict on them is the decision. What guests judge stands in ``processors/guests.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent_core.conversation import Candidate, Conversation, Fate, Turn
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.guests import guests_of
from agent_core.judging import Judgement, failed, input_subject, judge, needs_scores, output_subject
from agent_core.targets import guards_of
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.SpeculationOpened, d.CandidateFormed, f.ScoresReturned, f.EffectFailed, d.VerdictIssued)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if turn is None:
        return
    if isinstance(payload, d.SpeculationOpened):
        subject = input_subject(conversation, turn)
        for name in guards_of(conversation.behaviour_hash, conversation.behaviour, Stage.INPUT):
            yield from _judge_or_ask(conversation, turn, name, Stage.INPUT, "", subject)
    elif isinstance(payload, d.CandidateFormed):
        candidate = turn.candidates.get(payload.candidate_id)
        if candidate:
            yield from _guard_candidate(conversation, turn, candidate)
    elif isinstance(payload, f.ScoresReturned | f.EffectFailed):
        ask = conversation.asks.get(payload.ask_id)
        if ask and isinstance(ask.payload, d.GuardrailAsked) and ask.speculation == turn.speculation:
            yield from _judge_scores(conversation, turn, ask.payload, payload)
    elif isinstance(payload, d.VerdictIssued) and payload.candidate_id:
        yield from _settle(conversation, turn, payload)


def _guard_candidate(conversation: Conversation, turn: Turn, candidate: Candidate) -> Iterator[Decision]:
    subject = output_subject(conversation, turn, candidate)
    guards = guards_of(conversation.behaviour_hash, conversation.behaviour, Stage.OUTPUT)
    for name in guards:
        yield from _judge_or_ask(conversation, turn, name, Stage.OUTPUT, candidate.candidate_id, subject)
    if not guards and not _awaited(conversation, candidate):
        yield d.CandidateAccepted(candidate_id=candidate.candidate_id)


def _judge_or_ask(
    conversation: Conversation, turn: Turn, name: str, stage: Stage, candidate_id: str, subject: GuardInput
) -> Iterator[Decision]:
    if needs_scores(name):
        about = candidate_id or f"{turn.turn_id}.s{turn.speculation}"
        yield d.GuardrailAsked(
            ask_id=f"{about}.guard.{name}", guardrail=name, candidate_id=candidate_id, text=subject.text
        )
    else:
        judgement = judge(conversation.behaviour, name, subject)
        yield _verdict(conversation, turn, name, stage, candidate_id, judgement)


def _judge_scores(
    conversation: Conversation, turn: Turn, asked: d.GuardrailAsked, outcome: f.ScoresReturned | f.EffectFailed
) -> Iterator[Decision]:
    candidate = turn.candidates.get(asked.candidate_id)
    stage = Stage.OUTPUT if asked.candidate_id else Stage.INPUT
    if isinstance(outcome, f.EffectFailed):
        judgement = failed(conversation.behaviour, asked.guardrail, outcome.reason)
    else:
        subject = output_subject(conversation, turn, candidate) if candidate else input_subject(conversation, turn)
        scored = replace(subject, scores={score.name: score.value for score in outcome.scores})
        judgement = judge(conversation.behaviour, asked.guardrail, scored)
    yield _verdict(conversation, turn, asked.guardrail, stage, asked.candidate_id, judgement)


def _verdict(
    conversation: Conversation, turn: Turn, name: str, stage: Stage, candidate_id: str, judgement: Judgement
) -> d.VerdictIssued:
    setting = conversation.behaviour.guardrail(name)
    return d.VerdictIssued(
        guardrail=name,
        guardrail_version=registry.find(name).version,
        stage=stage.value,
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
    guards = guards_of(conversation.behaviour_hash, conversation.behaviour, Stage.OUTPUT)
    needed = (*guards, *_awaited(conversation, candidate))
    if all(candidate.verdicts.get(name, False) for name in needed):
        yield d.CandidateAccepted(candidate_id=candidate.candidate_id)


def _awaited(conversation: Conversation, candidate: Candidate) -> tuple[str, ...]:
    """The guests whose verdict the candidate waits for."""
    return tuple(guest.name for guest in guests_of(conversation.behaviour, candidate) if guest.required)
