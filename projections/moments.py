"""The moments in which a race pays: found in a conversation's events, each with its turn and its milliseconds.

One of each kind at most: the first, and of the speculations the one that gained most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas.event import Event

T = TypeVar("T")
_FALLBACK = "fallback"  # an honest "not now": said, but no reply
# Then nobody judged: no guardrail found anything.
_UNJUDGED = ("guardrail_failed", "not_judged", "guest_silent")


class MomentKind(StrEnum):
    """In the order in which they are shown."""

    SPECULATION = "speculation"  # what was begun on an eager end of turn became the reply
    HEDGE = "hedge"  # a later attempt became the reply, while the first one never answered
    GUARDRAIL = "guardrail"  # a model's answer was blocked
    HOLD = "hold"  # a granted line covered the wait for a reply
    BARGE_IN = "barge_in"  # the caller stopped the agent, and meant to
    BACKCHANNEL = "backchannel"  # the caller was heard over the agent, who spoke on to the end
    STEP_UP = "step_up"  # a proof raised the caller's level, because a tool needed it


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """``ms``: from the end of the caller's speech that opened the turn. ``told``: what happened, none of the caller's words.

    A step-up belongs to the turn that needed it.
    """

    kind: MomentKind
    turn_id: str
    seq: int
    ms: float
    told: str


def moments_of(events: Sequence[Event]) -> Mapping[MomentKind, Moment]:
    """``events``: the effective events of one conversation, in order. What it doesn't have is left out."""
    call = _Call(events)
    found = ((kind, next(find(call), None)) for kind, find in _FINDERS.items())
    return {kind: moment for kind, moment in found if moment}


class _Call:
    """The events by what they are about."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._formed = {e.payload.candidate_id: e for e in events if isinstance(e.payload, d.CandidateFormed)}
        self._turn_of: dict[str, str] = {}  # by utterance
        self._speech_ended_us: dict[str, int] = {}  # by turn
        for event in events:
            payload = event.payload
            if isinstance(payload, d.TurnOpened):
                self._speech_ended_us[event.turn_id or ""] = payload.speech_ended_at_us
                if payload.utterance_id:
                    self._turn_of[payload.utterance_id] = event.turn_id or ""
            elif isinstance(payload, f.UtteranceHeard) and payload.utterance_id in self._turn_of:
                ended_us = event.accepted_at_us - round(payload.since_speech_end_ms * 1000)
                self._speech_ended_us[self._turn_of[payload.utterance_id]] = ended_us

    def all(self, kind: type[T]) -> Iterator[tuple[Event, T]]:
        return ((event, event.payload) for event in self.events if isinstance(event.payload, kind))

    def first(self, kind: type[T], *, after: int = 0, turn_id: str = "", **named: object) -> tuple[Event, T] | None:
        """The first such event behind the seq ``after``, of that turn, whose payload has these values."""
        for event, payload in self.all(kind):
            there = event.seq > after and (not turn_id or event.turn_id == turn_id)
            if there and all(getattr(payload, name) == value for name, value in named.items()):
                return event, payload
        return None

    def turn(self, event: Event, utterance_id: str = "", candidate_id: str = "") -> str:
        """The turn of an event; of what bears none, that of the utterance or the candidate that it is about."""
        about = self._formed.get(candidate_id)
        return event.turn_id or self._turn_of.get(utterance_id, "") or (about.turn_id if about else "") or ""

    def candidate(self, candidate_id: str) -> d.CandidateFormed | None:
        formed = self._formed.get(candidate_id)
        return formed.payload if formed and isinstance(formed.payload, d.CandidateFormed) else None

    def provider(self, ask_id: str, attempt: int) -> str:
        """Who was asked, by the first event of the attempt that says so; empty where none does."""
        found = (
            self.first(f.SentenceReturned, ask_id=ask_id, attempt=attempt),
            self.first(f.CompletionReturned, ask_id=ask_id, attempt=attempt),
            self.first(f.EffectCancelled, ask_id=ask_id, attempt=attempt),
        )
        return next((told[1].provider for told in found if told and told[1].provider), "")

    def moment(self, kind: MomentKind, event: Event, turn_id: str, told: str, ms: float | None = None) -> Moment:
        if ms is None:
            ms = (event.accepted_at_us - self._speech_ended_us.get(turn_id, event.accepted_at_us)) / 1000
        return Moment(kind=kind, turn_id=turn_id, seq=event.seq, ms=round(ms, 3), told=told)


def _speculations(call: _Call) -> Iterator[Moment]:
    gained: list[tuple[float, Moment]] = []
    for committed, commit in call.all(d.TurnCommitted):
        turn_id, number = committed.turn_id or "", commit.speculation
        opened = call.first(d.SpeculationOpened, turn_id=turn_id, speculation=number)
        said = call.first(f.SpeechStarted, turn_id=turn_id)
        if not commit.eager or opened is None or said is None:
            continue
        reply = call.candidate(said[1].candidate_id)
        if reply and reply.speculation == number and reply.action != _FALLBACK:
            ahead_ms = _between_ms(opened[0], committed)
            told = f"the reply was begun {ahead_ms:,.0f} ms before the words were final"
            gained.append((ahead_ms, call.moment(MomentKind.SPECULATION, committed, turn_id, told)))
    yield from (moment for _, moment in sorted(gained, key=lambda one: -one[0]))


def _hedges(call: _Call) -> Iterator[Moment]:
    for event, started in call.all(f.SpeechStarted):
        winner = call.candidate(started.candidate_id)
        if winner is None or winner.attempt == 0:
            continue
        ask_id, attempt = winner.ask_id, winner.attempt
        lost = call.first(f.EffectCancelled, ask_id=ask_id, attempt=0)
        if lost is None or call.first(d.CandidateFormed, ask_id=ask_id, attempt=0):
            continue  # it answered, if only with a sentence that was blocked; or it failed
        by = call.provider(ask_id, attempt) or f"attempt {attempt}"
        waited = "" if lost[1].elapsed_ms is None else f" in {lost[1].elapsed_ms:,.0f} ms"
        told = f"{by} answered; {call.provider(ask_id, 0) or 'the first attempt'} hadn't{waited}"
        yield call.moment(MomentKind.HEDGE, event, call.turn(event), told, started.since_speech_end_ms)


def _blocks(call: _Call) -> Iterator[Moment]:
    for event, verdict in call.all(d.VerdictIssued):
        judged = call.candidate(verdict.candidate_id)
        if verdict.passed or not verdict.required or judged is None or judged.origin != "model":
            continue
        if not any(reason.startswith(_UNJUDGED) for reason in verdict.reasons):
            told = f"{verdict.guardrail} blocked a model's answer: {', '.join(verdict.reasons)}"
            yield call.moment(MomentKind.GUARDRAIL, event, call.turn(event), told)


def _holds(call: _Call) -> Iterator[Moment]:
    for event, played in call.all(f.HoldingPlayed):
        turn_id = call.turn(event, played.utterance_id)
        started = call.first(f.SpeechStarted, turn_id=turn_id, after=event.seq) if turn_id else None
        reply = call.candidate(started[1].candidate_id) if started else None
        if started is None or reply is None or reply.action == _FALLBACK:
            continue
        came_ms = started[1].since_speech_end_ms
        told = f"“{played.text}” until the reply" + ("" if came_ms is None else f" at {came_ms:,.0f} ms")
        yield call.moment(MomentKind.HOLD, event, turn_id, told, played.since_speech_end_ms)


def _barge_ins(call: _Call) -> Iterator[Moment]:
    for judged, judgement in call.all(d.InterruptionJudged):
        cut = call.first(f.SpeechInterrupted, candidate_id=judgement.candidate_id)
        if not judgement.genuine or cut is None or cut[0].seq > judged.seq:
            continue
        began = call.first(f.CallerSpeechStarted, utterance_id=judgement.utterance_id)
        over_ms = began[1].spoke_over_ms if began else None
        told = "the agent stopped" + ("" if over_ms is None else f" {over_ms:,.0f} ms after the caller began")
        turn_id = call.turn(cut[0], candidate_id=judgement.candidate_id)
        yield call.moment(MomentKind.BARGE_IN, cut[0], turn_id, told)


def _backchannels(call: _Call) -> Iterator[Moment]:
    for event, heard in call.all(f.BackchannelHeard):
        released = call.first(d.SentenceReleased, sentence_id=heard.sound_id)
        reply_id = released[1].candidate_id if released else heard.sound_id
        ended = call.first(f.SpeechCompleted, after=event.seq, candidate_id=reply_id)
        if ended:
            told = f"the agent spoke on for {_between_ms(event, ended[0]):,.0f} ms, to the end"
            turn_id = call.turn(event, candidate_id=heard.sound_id)
            yield call.moment(MomentKind.BACKCHANNEL, event, turn_id, told)


def _step_ups(call: _Call) -> Iterator[Moment]:
    for event, proof in call.all(p.ProofAccepted):
        asked = call.first(p.ChallengeOpened, challenge_id=proof.challenge_id)
        if asked:
            took_ms = _between_ms(asked[0], event)
            told = f"{proof.level} by {proof.method}, {took_ms:,.0f} ms after {asked[1].intent} needed it"
            yield call.moment(MomentKind.STEP_UP, event, call.turn(asked[0]), told)


def _between_ms(earlier: Event, later: Event) -> float:
    return (later.accepted_at_us - earlier.accepted_at_us) / 1000


_FINDERS: dict[MomentKind, Callable[[_Call], Iterator[Moment]]] = {
    MomentKind.SPECULATION: _speculations,
    MomentKind.HEDGE: _hedges,
    MomentKind.GUARDRAIL: _blocks,
    MomentKind.HOLD: _holds,
    MomentKind.BARGE_IN: _barge_ins,
    MomentKind.BACKCHANNEL: _backchannels,
    MomentKind.STEP_UP: _step_ups,
}
