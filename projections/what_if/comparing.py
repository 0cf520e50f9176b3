"""How a turn ended, read from its events; and what differs between the recorded end and another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile

from agent_core.evolve import evolve
from projections.what_if.outcomes import RecordedOutcomes, total
from projections.what_if.rejudge import Rejudged
from projections.what_if.report import CHANGED, SAME, UNKNOWN, Said, TurnWhatIf
from projections.what_if.turns import RecordedTurn, is_being_said
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

_KINDS: dict[type, str] = {d.ReplyChosen: "reply", d.EscalationChosen: "escalation", d.CloseChosen: "close"}
REPLY = ("kind", "text")  # what a caller would notice at once


class Ending:
    """Gathers what leads to the end of a turn."""

    def __init__(self, turn: RecordedTurn, opened: d.TurnOpened) -> None:
        self._turn, self._opened = turn, opened

    def said(
        self,
        events: Sequence[Event],
        choice: Event | None,
        closing_us: int | None,
        closing_text: str | None,
        speech_ended_at_us: int,
        costs: Mapping[str, int | None],
    ) -> Said:
        at_us = choice.accepted_at_us if choice else closing_us
        is_answer = self._opened.cause == "utterance"
        decision_ms = (at_us - speech_ended_at_us) / 1000 if at_us is not None and is_answer else None
        marks = self._opened.hold_marks_ms
        holds = None if decision_ms is None else sum(mark < decision_ms for mark in marks)
        spoken = choice.payload if choice else None
        assert spoken is None or isinstance(spoken, d.Spoken)
        return Said(
            kind=_KINDS[type(spoken)] if spoken else "nothing" if closing_us is None else "closing_line",
            action=getattr(spoken, "action", None),
            intent=spoken.intent if spoken else None,
            text=_said_to_its_end(events, choice) if choice else closing_text,
            decision_ms=decision_ms,
            holds=holds,
            blocked=_blocked(self._turn.turn_id, events),
            cost_micros=total(costs.values()),
        )


class Recorded:
    """The end of a turn as it stands on the log: that of its ``number``-th choice (1, 2, …), or of the last."""

    def __init__(self, turn: RecordedTurn, outcomes: RecordedOutcomes) -> None:
        self._turn, self._outcomes = turn, outcomes

    def said(self, number: int) -> tuple[Said, list[Event]]:
        """And all events up to the end of its reply: a step is atomic."""
        events: list[Event] = []
        conversation = self._turn.before
        choice: Event | None = None
        closing: Event | None = None
        choices = 0
        speech_ended_at_us = self._turn.opened.speech_ended_at_us
        for step in self._turn.steps:
            is_said = choices >= max(number, 1) and not is_being_said(conversation, self._turn.turn_id)
            if is_said or closing:
                break
            events += step
            for event in step:
                conversation = evolve(conversation, event)
            fact = step[0].payload
            if isinstance(fact, f.UtteranceHeard) and fact.utterance_id == self._turn.opened.utterance_id:
                speech_ended_at_us = step[0].accepted_at_us - round(fact.since_speech_end_ms * 1000)
            elif (
                isinstance(fact, f.FallbackPlayed) and choice is None and self._turn.is_closed_by(fact, step[0].turn_id)
            ):
                closing = step[0]
            for event in step:
                is_choice = isinstance(event.payload, d.Spoken) and event.turn_id == self._turn.turn_id
                if is_choice and choices < max(number, 1):
                    choice, choices = event, choices + 1
        mine = (e.payload for e in events if e.turn_id == self._turn.turn_id and isinstance(e.payload, Decision))
        asked = {getattr(payload, "ask_id", "") for payload in mine}
        costs = {ask_id: self._outcomes.by_id[ask_id].cost_micros for ask_id in asked if ask_id in self._outcomes.by_id}
        ending = Ending(self._turn, self._turn.opened)
        text = closing.payload.text if closing and isinstance(closing.payload, f.FallbackPlayed) else None
        closing_us = closing.accepted_at_us if closing else None
        return ending.said(events, choice, closing_us, text, speech_ended_at_us, costs), events


def other_end(turn: RecordedTurn, found: Rejudged, closing_text: str) -> Said | None:
    """None where it isn't known."""
    if found.unknown:
        return None
    opened = next(
        (e.payload for e in found.events if isinstance(e.payload, d.TurnOpened) and e.turn_id == turn.turn_id),
        turn.opened,
    )
    text = None if found.closing_us is None else closing_text
    ending = Ending(turn, opened)
    return ending.said(found.events, found.choice, found.closing_us, text, found.speech_ended_at_us, found.costs)


def compared(
    turn: RecordedTurn,
    recorded: Said,
    what_if: Said | None,
    found: Rejudged,
    *,
    identical: bool,
    comparable: bool,
    older_code: bool,
) -> TurnWhatIf:
    differs: tuple[str, ...] = ()
    if what_if is None:
        lost = recorded.text is not None and _dropped(recorded.text, found.events)
        reply, differs = (CHANGED, REPLY[1:]) if lost else (UNKNOWN, ())
    else:
        names = Said.__struct_fields__
        differs = tuple(name for name in names if getattr(recorded, name) != getattr(what_if, name))
        reply = CHANGED if any(name in differs for name in REPLY) else SAME
    return TurnWhatIf(
        turn_id=turn.turn_id,
        cause=turn.opened.cause,
        seq=turn.seq,
        reply=reply,
        differs=differs,
        identical=identical and what_if is not None,
        comparable=comparable,
        recorded=recorded,
        what_if=what_if,
        unknown=found.unknown or None,
        older_code=older_code,
        blocked=_blocked(turn.turn_id, found.events),
        reused=found.reused,
        asked=found.asked,
        failed=found.failed,
    )


def _said_to_its_end(events: Sequence[Event], choice: Event) -> str:
    """A reply that was chosen by its first sentence: with those that were released, and the repair that cut it."""
    chosen = choice.payload
    assert isinstance(chosen, d.Spoken)
    text = chosen.text
    for event in dropwhile(lambda event: event is not choice, events):
        more = event.payload
        if isinstance(more, d.SentenceReleased | d.ReplyCut) and more.candidate_id == chosen.candidate_id:
            text = f"{text} {more.text if isinstance(more, d.SentenceReleased) else more.repair}".strip()
    return text


def _dropped(text: str, events: Sequence[Event]) -> bool:
    """Whether what was said then was offered here, and every time dropped."""
    formed = {
        e.payload.candidate_id for e in events if isinstance(e.payload, d.CandidateFormed) and e.payload.text == text
    }
    dropped = {e.payload.candidate_id for e in events if isinstance(e.payload, d.CandidateDropped)}
    return bool(formed) and formed <= dropped


def _blocked(turn_id: str, events: Iterable[Event]) -> tuple[str, ...]:
    verdicts = (e.payload for e in events if isinstance(e.payload, d.VerdictIssued) and e.turn_id == turn_id)
    return tuple(sorted({v.guardrail for v in verdicts if v.required and not v.passed}))
