"""Runs a guardrail as behaviour sets it: its options, whether it is required, what its own failure means."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.conversation import Candidate, Conversation, Turn
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Means, Span, Stage
from agent_core.ports import Passage
from schemas import decisions as d


class Judgement(NamedTuple):
    """A verdict after ``on_failure`` was applied. ``reasons`` name what was found, or how the guardrail failed."""

    passed: bool
    reasons: tuple[str, ...] = ()
    evidence: tuple[Span, ...] = ()


def judge(behaviour: Behaviour, name: str, subject: GuardInput) -> Judgement:
    """Never raises for a guardrail's own failure: closed blocks, open passes, and the reason says so."""
    setting = behaviour.guardrail(name)
    on_failure = setting.on_failure if setting else "closed"
    try:
        verdict = registry.find(name).judge(replace(subject, options=setting.options if setting else {}))
    except Exception as error:  # whatever is wrong inside a guardrail is a failure of that guardrail, on the log
        return Judgement(on_failure == "open", (f"guardrail_failed:{type(error).__name__}",))
    reasons = tuple(reason.value for reason in verdict.reasons)
    if not verdict.judged:
        return Judgement(on_failure == "open", reasons)
    return Judgement(verdict.passed, reasons, verdict.evidence)


def failed(behaviour: Behaviour, name: str, why: str) -> Judgement:
    """The judgement where a guardrail's scores could not be had."""
    setting = behaviour.guardrail(name)
    return Judgement(setting is not None and setting.on_failure == "open", (f"guardrail_failed:{why}",))


def needs_scores(name: str) -> bool:
    return registry.find(name).means in (Means.CLASSIFIER, Means.MODEL)


def input_subject(conversation: Conversation, turn: Turn) -> GuardInput:
    behaviour = conversation.behaviour
    return GuardInput(
        text=turn.question,
        stage=Stage.INPUT,
        question=turn.question,
        company=behaviour.company,
        language=behaviour.language,
        private_passages=_private(behaviour),
    )


def output_subject(conversation: Conversation, turn: Turn, candidate: Candidate) -> GuardInput:
    behaviour = conversation.behaviour
    ask = conversation.asks.get(candidate.ask_id)
    results: tuple[str, ...] = ()
    if ask and isinstance(ask.payload, d.ToolRequested):
        # People approved the template. What fills it is the caller's own: it grounds figures, and is judged as any text.
        intent = behaviour.intent(candidate.intent)
        approved = intent.answer if intent else None
        results = tuple(turn.results.get(ask.ask_id, {}).values())
    else:
        approved = getattr(ask.payload, "approved", None) if ask else candidate.text
    return GuardInput(
        text=candidate.text,
        stage=Stage.OUTPUT,
        question=turn.question,
        approved=approved or None,
        sources=tuple(Passage(s.article_id, s.text, 0.0, s.public) for s in turn.sources or ()),
        results=results,
        intent=candidate.intent,
        company=behaviour.company,
        language=behaviour.language,
        private_passages=_private(behaviour),
    )


def judge_line(behaviour: Behaviour, name: str, text: str) -> bool:
    """Whether a required guardrail lets an approved line pass that belongs to no turn (a phrase to be granted)."""
    setting = behaviour.guardrail(name)
    if setting is None or not setting.required or needs_scores(name):
        return True
    subject = GuardInput(
        text=text,
        stage=Stage.OUTPUT,
        approved=text,
        company=behaviour.company,
        language=behaviour.language,
        private_passages=_private(behaviour),
    )
    return judge(behaviour, name, subject).passed


@lru_cache(maxsize=64)
def _private(behaviour: Behaviour) -> tuple[str, ...]:
    return tuple(article.private for article in behaviour.articles if article.private)
