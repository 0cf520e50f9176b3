"""Whether a guardrail that the version before had, and this one hasn't, would have objected in a turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent_core.behaviour import Behaviour, GuardrailSetting
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage, judges_at
from agent_core.judging import EARLIER_LINES, judge, needs_scores
from agent_core.ports import Passage
from projections.why.case import Case
from schemas import decisions as d
from schemas import facts as f


class _Judged(NamedTuple):
    """``by_model``: a model worded it. ``is_whole``: all that a guardrail reads beside the text is known here."""

    subject: GuardInput
    by_model: bool = False
    is_whole: bool = True


def would_have_objected(case: Case, name: str) -> bool | None:
    """To the caller's words, or to what was said. None where nobody can tell: it needs scores, a process outside, words that
    are forgotten, or what a tool found."""
    behaviour = case.former
    setting = behaviour.guardrail(name) if behaviour else None
    if behaviour is None or setting is None:
        return None
    found = [_objects(behaviour, setting, each) for each in _judged(case, behaviour)]
    return True if True in found else None if None in found or case.is_forgotten else False


def _objects(behaviour: Behaviour, setting: GuardrailSetting, judged: _Judged) -> bool | None:
    stage = judged.subject.stage
    if setting.means is not None:  # a guest is shown what may be said
        shown = stage is Stage.OUTPUT and (judged.by_model or setting.judges == "everything")
        return None if shown else False
    try:
        guardrail = registry.find(setting.name)
    except LookupError:  # this code has it no more
        return None
    if not judges_at(guardrail, stage):
        return False
    if needs_scores(setting.name) or not judged.is_whole:
        return None
    verdict = judge(behaviour, setting.name, judged.subject)
    return not verdict.passed or any(reason in behaviour.routing.escalate_on for reason in verdict.reasons)


def _judged(case: Case, behaviour: Behaviour) -> Iterator[_Judged]:
    private = tuple(article.private for article in behaviour.articles if article.private)
    questions = list(dict.fromkeys(opened.question for _, opened in case.of(d.SpeculationOpened)))
    question = questions[-1] if questions else ""

    def subject(text: str, stage: Stage, **known: object) -> GuardInput:
        of_all = {"company": behaviour.company, "language": behaviour.language, "private_passages": private}
        return GuardInput(text=text, stage=stage, **of_all, **known)  # type: ignore[arg-type]

    earlier = _earlier(case)
    for text in questions:
        yield _Judged(subject(text, Stage.INPUT, earlier=earlier, question=text))
    sources = tuple(Passage(p.article_id, p.text, 0.0, p.public) for p in case.passages() or ())
    asked = {p.ask_id: p.approved for _, p in case.of(d.CompletionAsked)}
    for said in _said(case):
        approved = asked.get(said.ask_id) if said.ask_id else said.text
        whole = subject(
            said.text,
            Stage.OUTPUT,
            question=question,
            approved=approved or None,
            sources=sources,
            intent=said.intent,
        )
        yield _Judged(whole, by_model=said.origin == "model", is_whole=said.origin != "tool")
    if any(True for _ in case.of(d.ToolRequested)):
        yield _Judged(subject("", Stage.ARGUMENTS), is_whole=False)


def _said(case: Case) -> Iterator[d.CandidateFormed]:
    """What was chosen in the turn, with the sentences that it went on with."""
    ids = {p.candidate_id for _, p in case.of(d.Spoken)} | {p.sentence_id for _, p in case.of(d.SentenceReleased)}
    return (formed for _, formed in case.of(d.CandidateFormed) if formed.candidate_id in ids)


def _earlier(case: Case) -> tuple[str, ...]:
    """The caller's lines before this turn, as far as they were heard to the end."""
    said = [
        event.payload.text
        for event in case.call
        if event.seq < case.events[0].seq and isinstance(event.payload, f.UtteranceHeard) and event.payload.final
    ]
    return tuple(said[-EARLIER_LINES:])
