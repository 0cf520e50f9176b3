"""What is known of a turn: its events, how it went, the behaviour that it pinned and the one before, and what this code
decides in the place of what stands on the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from agent_core.behaviour import Behaviour
from projections.call_report import report_call
from projections.recompute import Difference
from projections.turn_report import TurnReport
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event
from streams.codec import FORGOTTEN

P = TypeVar("P", bound=Payload)


class Changed(NamedTuple):
    """A decision that this code takes otherwise. ``decider``: whose it is; None where that can't be told.
    ``older``: the version of the deciders that took it, where it isn't this code's."""

    difference: Difference
    decider: str | None
    older: str | None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """``events``: of the turn, from the words that opened it on. ``call``: all of the call. ``former``: the version of the
    behaviour that was in force before the pinned one, and its number; ``newer``: the newest one, where the log had it before
    the call rang, and it isn't the pinned one."""

    turn: TurnReport
    events: tuple[Event, ...]
    call: tuple[Event, ...]
    behaviour: Behaviour | None
    behaviour_seq: int
    former: Behaviour | None
    former_seq: int
    newer: Behaviour | None
    newer_seq: int
    newer_since_us: int
    changed: tuple[Changed, ...]

    def of(self, kind: type[P]) -> Iterator[tuple[Event, P]]:
        """The turn's events of this type, with their payloads."""
        for event in self.events:
            if isinstance(event.payload, kind):
                yield event, event.payload

    def first(self, kind: type[P]) -> P | None:
        return next((payload for _, payload in self.of(kind)), None)

    def ms(self, event: Event) -> float:
        """From the caller's end of speech; in a turn that the agent began, from its opening."""
        return (event.accepted_at_us - self.zero_us) / 1000

    @property
    def zero_us(self) -> int:
        heard = [e for e, p in self.of(f.UtteranceHeard) if p.utterance_id == self.utterance_id]
        if heard:
            last = heard[-1].payload
            assert isinstance(last, f.UtteranceHeard)
            return heard[-1].accepted_at_us - round(last.since_speech_end_ms * 1000)
        return self.events[0].accepted_at_us

    @property
    def opened(self) -> d.TurnOpened:
        opened = self.first(d.TurnOpened)
        assert opened is not None, "a turn begins with it"
        return opened

    @property
    def utterance_id(self) -> str:
        return self.opened.utterance_id

    @property
    def chosen(self) -> Event | None:
        return next((e for e, _ in reversed(list(self.of(d.Spoken)))), None)

    @property
    def said(self) -> d.CandidateFormed | None:
        """The candidate that was chosen last."""
        spoken = self.chosen
        if spoken is None or not isinstance(spoken.payload, d.Spoken):
            return None
        wanted = spoken.payload.candidate_id
        return next((p for _, p in self.of(d.CandidateFormed) if p.candidate_id == wanted), None)

    @property
    def gave_up(self) -> Event | None:
        """The turn's deadline, where nothing was chosen by then: it fires behind a choice too, and ends nothing there."""
        fired = next((e for e, p in self.of(f.TimerFired) if p.purpose == "give_up"), None)
        if fired is None or any(chosen.seq < fired.seq for chosen, _ in self.of(d.Spoken)):
            return None
        return fired

    @property
    def is_forgotten(self) -> bool:
        """Whether what people said can't be read any more."""
        return any(
            FORGOTTEN in (getattr(e.payload, "text", ""), getattr(e.payload, "question", "")) for e in self.events
        )

    def passages(self) -> list[f.FoundPassage] | None:
        """Of the newest search; None where none came back, or they are forgotten."""
        found = [p for _, p in self.of(f.PassagesFound)]
        if not found or found[-1].passages == FORGOTTEN:
            return None
        return msgspec.json.decode(found[-1].passages, type=list[f.FoundPassage])


def turn_events(call: Sequence[Event], turn: TurnReport) -> tuple[Event, ...]:
    """From the words that opened it to the last event that names it, those of later turns left out."""
    of_turn: list[Event] = []
    for event in call:
        if event.seq < turn.seq_from:
            continue
        if event.turn_id == turn.turn_id or (event.turn_id is None and event.seq <= turn.seq_to):
            of_turn.append(event)
    return tuple(of_turn)


def turn_of(call: Sequence[Event], wanted: str) -> tuple[TurnReport | None, list[str]]:
    """(the turn of this id; ``t3`` or ``3``, or ``last`` for the last that a caller caused, all ids that there are)."""
    report = report_call(call)
    turns = [] if report is None else sorted((*report.turns, *report.agent_turns), key=lambda t: int(t.turn_id[1:]))
    known = [turn.turn_id for turn in turns]
    if wanted == "last" and report is not None:
        return (report.turns or report.agent_turns or (None,))[-1], known
    wanted = f"t{wanted}" if wanted.isdigit() else wanted
    return next((turn for turn in turns if turn.turn_id == wanted), None), known
