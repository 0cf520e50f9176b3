"""A call as it went, turn by turn: what ``ledgerline call --json`` and ``ledgerline show`` print.

Latencies are ms from the end of the caller's speech: as the gateway's own clock measured it, or from the true end where
the caller of ``report_call`` knows how much earlier that was. Unknown is null. A hold is never a reply, and neither is a
closing line or an honest fallback: ``first_sound`` counts them, ``first_reply`` doesn't.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from projections.cut_ins import CutIns
from projections.imported_turns import ImportedTurns
from projections.speculation_price import SpeculationFold, SpeculationPrice
from projections.turn_report import TurnFold, TurnReport
from projections.wall_time import iso_time
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.event import Event


class CallReport(msgspec.Struct, frozen=True, kw_only=True):
    """``events`` counts the effective events. ``turns``: one per end of turn by the caller. ``agent_turns``: all
    others: greeting, silence, resume, keys, news. ``ended``: why the call ended, null while it goes on."""

    call_id: str
    started_at: str | None
    duration_s: float | None
    ended: str | None
    recording: str | None
    providers: tuple[str, ...]
    behaviour: str | None
    events: int
    cut_ins: int = 0  # turns in which the agent spoke while the caller only paused
    speculation: SpeculationPrice
    turns: tuple[TurnReport, ...]
    agent_turns: tuple[TurnReport, ...]


def report_call(
    events: Iterable[Event],
    *,
    recording: str | None = None,
    speech_end_lag_ms: Mapping[str, float] | None = None,
) -> CallReport | None:
    """``events``: the effective events of one conversation, in order. None where there are none.

    ``speech_end_lag_ms``: utterance id → by how many ms the gateway's end of speech lies behind the true one.
    """
    fold = _CallFold(speech_end_lag_ms or {})
    for event in events:
        fold.take(event)
    return fold.report(recording)


class _CallFold:
    def __init__(self, speech_end_lag_ms: Mapping[str, float]) -> None:
        self._lag_ms = speech_end_lag_ms
        self._events = 0
        self._first: Event | None = None
        self._last: Event | None = None
        self._providers: tuple[str, ...] = ()
        self._behaviour: str | None = None
        self._ended: str | None = None
        self._turns: dict[str, TurnFold] = {}
        self._imported: ImportedTurns | None = None
        self._by_utterance: dict[str, TurnFold] = {}
        self._by_candidate: dict[str, TurnFold] = {}
        self._cut_ins = CutIns()
        self._speculation = SpeculationFold()
        self._unopened: dict[str, Event] = {}  # the words that open a turn stand before it on the log

    def take(self, event: Event) -> None:
        self._events += 1
        self._first = self._first or event
        self._last = event
        self._speculation.take(event)
        payload = event.payload
        if isinstance(payload, f.CallArrived):
            self._providers = payload.providers
        elif isinstance(payload, d.ConversationOpened):
            self._behaviour = payload.behaviour_hash
        elif isinstance(payload, d.ConversationClosed):
            self._ended = payload.reason
        elif isinstance(payload, d.TurnOpened):
            self._open_turn(event, payload)
        elif isinstance(payload, h.ImportedConversationEnded):
            self._ended = payload.reason
        elif isinstance(payload, h.ConversationImported):
            self._imported = ImportedTurns()
        if self._imported:
            self._imported.take(event)
        cut_in = self._turns.get(self._cut_ins.take(event) or "")
        if cut_in:
            cut_in.cut_in = True
        turn = self._turn_of(event)
        if turn is None and isinstance(payload, f.UtteranceHeard):
            self._unopened[payload.utterance_id] = event
        elif turn:
            turn.take(event)
            if isinstance(payload, d.CandidateFormed):
                self._by_candidate[payload.candidate_id] = turn

    def report(self, recording: str | None) -> CallReport | None:
        if self._first is None or self._last is None:
            return None
        started_us = self._first.accepted_at_us
        reports = [turn.report(self._lag_ms.get(turn.utterance_id, 0.0)) for turn in self._turns.values()]
        if self._imported:
            reports += self._imported.reports()
        return CallReport(
            call_id=self._first.conversation_id,
            started_at=iso_time(started_us),
            duration_s=round((self._last.accepted_at_us - started_us) / 1e6, 3),
            ended=self._ended,
            recording=recording,
            providers=self._providers,
            behaviour=self._behaviour,
            events=self._events,
            cut_ins=sum(report.cut_in for report in reports),
            speculation=self._speculation.price(),
            turns=tuple(r for r in reports if r.cause == "utterance"),
            agent_turns=tuple(r for r in reports if r.cause != "utterance"),
        )

    def _open_turn(self, event: Event, opened: d.TurnOpened) -> None:
        turn = TurnFold(event.turn_id or "", opened, event)
        self._turns[turn.turn_id] = turn
        if opened.utterance_id:
            self._by_utterance[opened.utterance_id] = turn
            heard = self._unopened.pop(opened.utterance_id, None)
            if heard:
                turn.hear(heard)

    def _turn_of(self, event: Event) -> TurnFold | None:
        """The turn that an event tells something about: by utterance or candidate, else by the turn it names."""
        payload = event.payload
        utterance_id = getattr(payload, "utterance_id", "")
        if utterance_id:
            return self._by_utterance.get(utterance_id)
        candidate_id = getattr(payload, "candidate_id", "")
        if candidate_id in self._by_candidate:
            return self._by_candidate[candidate_id]
        return self._turns.get(event.turn_id) if event.turn_id else None
