"""Runs a guardrail as behaviour sets it: its options, whether it is required, what its own failure means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.conversation import Candidate, Conversation, Turn
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Input, Means, OnFailure, Span, Stage, Unjudged, Verdict
from agent_core.looked_up import looked_up
from agent_core.ports import Passage
from agent_core.write_wording import behind
from schemas import decisions as d

EARLIER_LINES = 8  # of the caller: an attack that is spread out further than this is no longer one


class Judgement(NamedTuple):
    """A verdict after what the guardrail's failure means was applied. ``reasons`` name what was found, or how it failed."""

    passed: bool
    reasons: tuple[str, ...] = ()
    evidence: tuple[Span, ...] = ()


def judge(behaviour: Behaviour, name: str, subject: GuardInput) -> Judgement:
    """Never raises for a guardrail's own failure: closed blocks, open passes, and the reason says so."""
    setting, guardrail = behaviour.guardrail(name), registry.find(name)
    shown = replace(shown_to(name, subject), options=setting.options if setting else {})
    try:
        verdict = guardrail.judge(shown)
    except Exception as error:  # whatever is wrong inside a guardrail is a failure of that guardrail, on the log
        return failed(behaviour, name, f"guardrail_failed:{type(error).__name__}")
    reasons = tuple(reason.value for reason in verdict.reasons)
    if not verdict.judged:
        return Judgement(_passes_unjudged(behaviour, name), reasons)
    return Judgement(verdict.passed, reasons, verdict.evidence)


def shown_to(name: str, subject: GuardInput) -> GuardInput:
    """What this guardrail declares that it reads, and no more of it."""
    return subject if Input.CONVERSATION in registry.find(name).inputs else replace(subject, earlier=())


def failed(behaviour: Behaviour, name: str, reason: str) -> Judgement:
    """The judgement where nobody judged: closed blocks, open passes."""
    return Judgement(_passes_unjudged(behaviour, name), (reason,))


def late(behaviour: Behaviour, name: str) -> Judgement:
    """The judgement once its budget ran out."""
    return failed(behaviour, name, Unjudged.LATE.value)


def _passes_unjudged(behaviour: Behaviour, name: str) -> bool:
    setting = behaviour.guardrail(name)
    on_failure = setting.on_failure if setting and setting.on_failure else registry.find(name).on_failure
    return on_failure == OnFailure.OPEN


def needs_scores(name: str) -> bool:
    return registry.find(name).means in (Means.CLASSIFIER, Means.MODEL)


def input_subject(conversation: Conversation, turn: Turn) -> GuardInput:
    behaviour = conversation.behaviour
    said = (line.text for line in conversation.transcript if line.role == "caller" and line.turn_id != turn.turn_id)
    return GuardInput(
        text=turn.question,
        stage=Stage.INPUT,
        earlier=tuple(said)[-EARLIER_LINES:],
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
        results = tuple(((intent and looked_up(conversation, turn, intent)) or {}).values())
    elif said := behind(conversation, candidate):
        approved, results = said.template, tuple(said.found.values())
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


def arguments_subject(conversation: Conversation, turn: Turn, intent: str, arguments: Mapping[str, str]) -> GuardInput:
    """What a tool is to be asked with. The text is its values in order of their names, a line each."""
    behaviour = conversation.behaviour
    return GuardInput(
        text="\n".join(arguments[name] for name in sorted(arguments)),
        stage=Stage.ARGUMENTS,
        arguments=arguments,
        question=turn.question,
        intent=intent,
        company=behaviour.company,
        language=behaviour.language,
        private_passages=_private(behaviour),
    )


def judge_line(behaviour: Behaviour, name: str, text: str) -> bool:
    """Whether a required guardrail lets an approved line pass that belongs to no turn (a phrase to be granted)."""
    setting = behaviour.guardrail(name)
    if setting is None or not setting.required or needs_scores(name):
        return True
    try:
        _let_pass(registry.find(name).judge, behaviour, name, text)
    except _BlockedError:
        return False
    return True


class _BlockedError(Exception):
    """Not kept, as what passed is: a guardrail that failed may judge the next time."""


@lru_cache(maxsize=1024)  # each call is granted the same lines
def _let_pass(by: Callable[[GuardInput], Verdict], behaviour: Behaviour, name: str, text: str) -> None:
    subject = GuardInput(
        text=text,
        stage=Stage.OUTPUT,
        approved=text,
        company=behaviour.company,
        language=behaviour.language,
        private_passages=_private(behaviour),
    )
    if not judge(behaviour, name, subject).passed:
        raise _BlockedError


@lru_cache(maxsize=64)
def _private(behaviour: Behaviour) -> tuple[str, ...]:
    return tuple(article.private for article in behaviour.articles if article.private)
