"""Why a turn went as it did: what may have caused it, most telling first, then the turn in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from processors.deciders import DECIDERS
from projections.recompute import ConversationReplay, Difference, Recomputer, compare, decided_by, version_of
from projections.turn_report import TurnReport
from projections.why import rules_call, rules_guardrails, rules_models, rules_words
from projections.why.case import Case, Changed, turn_events
from projections.why.findings import Finding
from projections.why.story import failures_told, imported_story, story
from schemas import decisions as d
from schemas.event import Event, derived_id
from streams.behaviour_versions import Version

RULES = (*rules_call.RULES, *rules_models.RULES, *rules_guardrails.RULES)
OF_WORDS = rules_words.RULES  # they have nothing to read in a forgotten call
LEAST = 30  # what weighs less explains nothing by itself
MOST = 8
_INDEXES = range(64)  # a decider rarely yields more decisions on one event


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """``causes``: what may have caused it, most telling first; empty: nothing out of the ordinary. ``story``: the turn."""

    call_id: str
    turn_id: str
    causes: tuple[Finding, ...]
    story: tuple[str, ...]


def why(case: Case) -> Why:
    if case.first(d.TurnOpened) is None:
        return _of_another_system(case)
    return Why(
        call_id=case.events[0].conversation_id,
        turn_id=case.turn.turn_id,
        causes=tuple(ranked([list(rule(case)) for rule in (RULES if case.is_forgotten else (*RULES, *OF_WORDS))])),
        story=tuple(story(case)),
    )


def _of_another_system(case: Case) -> Why:
    """Nothing of it was decided here: what is known is what was heard, asked and said."""
    failed = [Finding(kind="provider", weight=90, told=told) for told in failures_told(case.turn)]
    return Why(
        call_id=case.events[0].conversation_id,
        turn_id=case.turn.turn_id,
        causes=tuple(failed),
        story=tuple(imported_story(case.turn)),
    )


def ranked(by_rule: Iterable[Sequence[Finding]]) -> list[Finding]:
    """By weight; but what a second finding of the same rule says comes behind the first of every other."""
    placed: list[tuple[int, int, Finding]] = []
    for findings in by_rule:
        told = sorted((f for f in findings if f.weight >= LEAST), key=lambda f: -f.weight)
        placed += [(min(place, 1), -finding.weight, finding) for place, finding in enumerate(told)]
    return [finding for _, _, finding in sorted(placed, key=lambda each: each[:2])][:MOST]


def lines(found: Why) -> list[str]:
    """For a terminal: causes first, each with its events."""
    causes = [f"{finding.told}{_seqs(finding)}" for finding in found.causes]
    return [
        *(causes or ["Nothing out of the ordinary: no rule has anything to say about this turn."]),
        "",
        *found.story,
    ]


def case_of(
    call: Sequence[Event],
    turn: TurnReport,
    steps: Sequence[Sequence[Event]],
    versions: Sequence[Version],
    behaviour_of: Callable[[int, str], Behaviour],
    recomputer: Recomputer | None,
) -> Case:
    """``versions``: of the behaviour stream. ``recomputer``: None where the call is forgotten.

    Raises ``BehaviourMissingError``.
    """
    pinned = next((e.payload for e in call if isinstance(e.payload, d.ConversationOpened)), None)
    behaviour = behaviour_of(pinned.behaviour_seq, pinned.behaviour_hash) if pinned else None
    former = _former(versions, pinned.behaviour_seq, behaviour) if pinned and behaviour else None
    newer = _newer(versions, pinned.behaviour_seq, behaviour, _rang_us(call)) if pinned and behaviour else None
    events = turn_events(call, turn)
    seqs = {event.seq for event in events}
    changed = tuple(c for c in _changed(recomputer, steps) if c.difference.seq in seqs) if recomputer else ()
    return Case(
        turn=turn,
        events=events,
        call=tuple(call),
        behaviour=behaviour,
        behaviour_seq=pinned.behaviour_seq if pinned else 0,
        former=former[1] if former else None,
        former_seq=former[0] if former else 0,
        newer=newer[2] if newer else None,
        newer_seq=newer[0] if newer else 0,
        newer_since_us=newer[1] if newer else 0,
        changed=changed,
    )


def _former(versions: Sequence[Version], seq: int, behaviour: Behaviour) -> tuple[int, Behaviour] | None:
    """The newest version before it of the same agent."""
    for version in sorted(versions, key=lambda v: -v.seq):
        if version.seq < seq:
            read = Behaviour.from_canonical(version.content)
            if read.name == behaviour.name:
                return version.seq, read
    return None


def _rang_us(call: Sequence[Event]) -> int:
    """By the gateway's clock; the log's own may be ahead of it, and never goes back."""
    return min(call[0].occurred_at_us, call[0].accepted_at_us)


def _newer(
    versions: Sequence[Version], seq: int, behaviour: Behaviour, rang_us: int
) -> tuple[int, int, Behaviour] | None:
    """The newest version of the same agent that was recorded behind it, and before the call rang; and when that was."""
    for version in sorted(versions, key=lambda v: -v.seq):
        since_us = version.recorded_at_us
        if version.seq > seq and since_us is not None and since_us < rang_us:
            read = Behaviour.from_canonical(version.content)
            if read.name == behaviour.name:
                return version.seq, since_us, read
    return None


def _changed(recomputer: Recomputer, steps: Sequence[Sequence[Event]]) -> Iterator[Changed]:
    conversation, versions = recomputer.begin(steps[0][0].conversation_id), decided_by(steps)
    for step in steps:
        version = version_of(step, versions, recomputer.version)
        older = None if version == recomputer.version else version
        differences = conversation.would_decide(step)
        for difference in _by_id(conversation, step) if differences else ():
            yield Changed(difference, _decider_of(step, difference), older)
        conversation.check(step, version)


def _by_id(conversation: ConversationReplay, step: Sequence[Event]) -> Iterator[Difference]:
    """Decision by decision, by their ids: where one is missing, all behind it stand at another place and are the same."""
    try:
        expected = conversation.decide(step[0])
    except Exception:  # it is a finding by name where places are compared
        yield from conversation.would_decide(step)
        return
    found = {event.event_id: event for event in step[1:]}
    for ours in expected:
        theirs = found.pop(ours.event_id, None)
        placed = replace(ours, step_index=theirs.step_index) if theirs else ours
        if (difference := compare(placed, theirs)) is not None:
            yield difference
    for theirs in found.values():
        if (difference := compare(None, theirs)) is not None:
            yield difference


def _decider_of(step: Sequence[Event], difference: Difference) -> str | None:
    """Ids derive from the cause and the decider: so they tell whose a decision is."""
    for cause in step:
        for decider in DECIDERS:
            if any(derived_id(cause.event_id, decider.name, index) == difference.event_id for index in _INDEXES):
                return decider.name
    return None


def _seqs(finding: Finding) -> str:
    return f" [seq {', '.join(map(str, finding.seqs))}]" if finding.seqs else ""
