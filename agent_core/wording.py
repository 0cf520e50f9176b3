"""Approved wordings: what may be said for an intent, given where the conversation stands. Chosen and filled, not made up."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from agent_core.approved import MissingSlotError, fill
from agent_core.behaviour import OFFERS, Behaviour, Intent, Phrase, Pragmatic
from agent_core.conversation import Candidate, Conversation, Interrupted
from agent_core.late_reads import LateRead

SENTENCE_TIMER = "sentence"  # purpose of the timer that ends a reply's wait for its next sentence


class Wording(NamedTuple):
    text: str
    step_id: str = ""  # procedure/step where the wording is a step of a procedure


def wording_of(conversation: Conversation, intent: Intent) -> Wording | None:
    """The approved wording, or None where behaviour has none for this intent: that of a tool is filled by ``reported``."""
    if intent.tool:
        return None
    step = None
    if intent.advances and conversation.open_procedure:
        step = _step(conversation, conversation.open_procedure)
    if step is None and intent.procedure:
        step = _step(conversation, intent.procedure)
    if step:
        return _filled(conversation, step)
    return _filled(conversation, Wording(intent.answer)) if intent.answer else None


def reported(conversation: Conversation, intent: Intent, result: Mapping[str, str]) -> Wording | None:
    """The intent's answer with what its tool found in it, or None where a slot stays open."""
    return _filled(conversation, Wording(intent.answer), result) if intent.answer else None


def late_words(conversation: Conversation, read: LateRead) -> str | None:
    """What is said of a read that came late; None where behaviour has no words for it, or a slot stays open."""
    template = late_template(conversation, read)
    return filled_by(conversation, template, read.found) if template else None


def late_template(conversation: Conversation, read: LateRead) -> str | None:
    intent = conversation.behaviour.intent(read.intent)
    return (intent.failed if read.failed else intent.late) if intent else None


def filled_by(conversation: Conversation, template: str, found: Mapping[str, str]) -> str | None:
    """An approved wording with what was found in it, or None where a slot stays open."""
    wording = _filled(conversation, Wording(template), found)
    return wording.text if wording else None


def _filled(
    conversation: Conversation, wording: Wording, result: Mapping[str, str] = MappingProxyType({})
) -> Wording | None:
    """None where a slot stays open: half a sentence is never said."""
    said = [line.text for line in conversation.transcript if line.role == "agent"]
    facts = {"company": conversation.behaviour.company} | ({"last_said": said[-1]} if said else {}) | dict(result)
    try:
        return wording._replace(text=fill(wording.text, facts))
    except MissingSlotError:
        return None


def to_be_said(behaviour: Behaviour, candidate: Candidate) -> str:
    """All that is decided to be said of it. Where sentences were still to come nobody knows them: the repair stands in."""
    repair = behaviour.release.repair if behaviour.release and candidate.more else None
    return f"{candidate.text} {repair}" if repair else candidate.text


def remainder(interrupted: Interrupted) -> str:
    """What is left to say of a reply that was cut off. ``spoken`` is a prefix of the text, give or take its spacing."""
    said = len(interrupted.spoken.split())
    return " ".join(interrupted.text.split()[said:])


def hold_plan(phrases: tuple[Phrase, ...], marks: int, last: str, turn: int) -> tuple[str, ...]:
    """The phrase id for each hold mark: first looking up, then still working, then a person is offered.

    Never the same twice in a row, also across turns (``last``). ``turn`` turns the wheel, so that calls vary.
    """
    order = ((Pragmatic.LOOKING_UP,), (Pragmatic.STILL_WORKING,), OFFERS)
    plan: list[str] = []
    for mark in range(marks):
        wanted = order[min(mark, len(order) - 1)]
        usable = [p for p in phrases if p.pragmatic is not Pragmatic.REPAIR]
        fitting = [p for p in usable if p.pragmatic in wanted] or usable
        fresh = [p for p in fitting if p.id != last] or [p for p in usable if p.id != last] or fitting
        last = fresh[turn % len(fresh)].id
        plan.append(last)
    return tuple(plan)


def repair_phrase(phrases: tuple[Phrase, ...]) -> str:
    return next((p.text for p in phrases if p.pragmatic is Pragmatic.REPAIR), "")


def _step(conversation: Conversation, name: str) -> Wording | None:
    procedure = conversation.behaviour.procedure(name)
    said = conversation.procedures.get(name, 0)
    if procedure is None or said >= len(procedure.steps):
        return None
    step = procedure.steps[said]
    return Wording(step.say, f"{name}/{step.id}")
