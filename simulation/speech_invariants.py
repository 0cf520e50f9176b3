"""Invariants of what was let out: each sound was allowed by what its gateway had read, and fits what it had been told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from simulation.history import Act, Did, GatewayTrace, Sound
from simulation.raw_log import RawLog
from simulation.small_bank import FORBIDDEN
from simulation.violation import Violation

GAP_S = 0.2
STOP_WITHIN_S = 0.15
Standstills = dict[str, list[tuple[float, float]]]


@dataclass
class _Knows:
    """What a gateway may rely on at one moment."""

    log: dict[str, int]  # effective event id -> seq
    turn_of_chosen: dict[tuple[str, int], str] = field(default_factory=dict)
    chosen: dict[str, d.Spoken] = field(default_factory=dict)  # by candidate; the newest
    released: set[str] = field(default_factory=set)  # sentences that follow: see simulation/sentence_invariants
    grant: d.StandingGranted | None = None
    last_seq: int | None = None
    last_caller_seq: int = 0
    put: list[str] = field(default_factory=list)  # superseding facts
    evicted: bool = False
    over: set[str] = field(default_factory=set)  # turns that a closing line ended
    started: set[str] = field(default_factory=set)
    turn_of: dict[str, str] = field(default_factory=dict)  # utterance -> turn
    open_turn: str = ""
    caught_up_s: float = 0.0
    playing: Sound | None = None
    broken: str | None = None  # what a voice broke off in, and goes on with: see simulation/sentence_invariants
    caller_speaks_since_s: float | None = None
    holds: int = 0
    closed_utterances: set[str] = field(default_factory=set)


def sounds(log: RawLog, traces: list[GatewayTrace], standstills: Standstills) -> Iterator[Violation]:
    effective: dict[str, dict[str, int]] = {}
    for rec in log.records():
        effective.setdefault(rec.conversation_id, {})[rec.event_id] = rec.seq
    for trace in traces:
        knows = _Knows(effective.get(trace.call_id, {}))
        for act in trace.acts:
            for invariant, message in _take(knows, act, trace, standstills.get(trace.name, [])):
                who = f"{trace.name} (take {trace.take} of {trace.call_id}) at {act.at_s - 1000:.3f} s"
                yield Violation(invariant, f"{who}: {message}")


def _take(
    knows: _Knows, act: Act, trace: GatewayTrace, standstills: list[tuple[float, float]]
) -> Iterator[tuple[str, str]]:
    if act.did is Did.READ and act.event is not None:
        yield from _read(knows, act.event, trace)
    elif act.did is Did.PUT and act.payload is not None:
        if act.payload.SUPERSEDES:
            knows.put.append(act.event_id)
        if isinstance(act.payload, f.FallbackPlayed):
            _closes(knows, act.payload)
        if isinstance(act.payload, f.FallbackPlayed | f.SpeechInterrupted | f.SpeechCompleted):
            knows.broken = None
    elif act.did is Did.CAUGHT_UP:
        knows.caught_up_s = act.at_s
    elif act.did in (Did.CALLER_BEGAN, Did.CALLER_RESUMED):
        knows.caller_speaks_since_s = act.at_s
    elif act.did in (Did.CALLER_ENDED, Did.CALLER_PAUSED, Did.CALLER_DISMISSED):
        knows.caller_speaks_since_s = None
    elif act.did is Did.SOUND_ENDED:
        yield from _ends(knows, act, standstills)
    elif act.did is Did.SOUND_BEGAN and act.sound is not None:
        if knows.playing:
            yield "one_sound", f"{act.sound.sound_id} over {knows.playing.sound_id}"
        if knows.caller_speaks_since_s is not None:
            yield "nothing_stale", f"{act.sound.kind} {act.sound.sound_id} while the caller speaks"
        if any(bad in act.sound.text for bad in FORBIDDEN):
            yield "guarded_before_spoken", f"what no guardrail may pass was played: {act.sound.sound_id}"
        if act.sound.kind == "reply":
            yield from _reply(knows, act, act.sound, trace, standstills)
        else:
            yield from _granted(knows, act.sound)
        knows.playing = act.sound


def _read(knows: _Knows, event: Event, trace: GatewayTrace) -> Iterator[tuple[str, str]]:
    if knows.log.get(event.event_id) != event.seq:
        yield "reads_effective", f"read {event.type} seq {event.seq}, which is not effective"
    if knows.last_seq is not None and event.seq != knows.last_seq + 1:
        yield "reads_effective", f"read seq {event.seq} after {knows.last_seq}"
    knows.last_seq = event.seq
    payload = event.payload
    if isinstance(payload, f.CallTaken):
        other = payload.gateway_id != trace.name
        knows.evicted |= payload.take > trace.take or (payload.take == trace.take and other)
    elif isinstance(payload, d.StandingGranted) and payload.take == trace.take:
        knows.grant = payload
    elif isinstance(payload, d.TurnOpened):
        knows.open_turn = event.turn_id or ""
        if payload.utterance_id:
            knows.turn_of[payload.utterance_id] = knows.open_turn
        if payload.utterance_id in knows.closed_utterances:
            knows.over.add(knows.open_turn)
    elif isinstance(payload, d.Spoken):
        knows.chosen[payload.candidate_id] = payload
        knows.turn_of_chosen[payload.candidate_id, payload.take] = event.turn_id or ""
    elif isinstance(payload, d.SentenceReleased):
        knows.released.add(payload.sentence_id)
    elif isinstance(payload, d.ReplyCut):
        knows.released.add(f"{payload.candidate_id}.repair")
    if getattr(payload, "SUPERSEDES", False):
        knows.last_caller_seq = event.seq


def _closes(knows: _Knows, played: f.FallbackPlayed) -> None:
    if played.utterance_id:
        knows.closed_utterances.add(played.utterance_id)
        knows.over |= {knows.turn_of[played.utterance_id]} if played.utterance_id in knows.turn_of else set()
    elif knows.open_turn:
        knows.over.add(knows.open_turn)


def _reply(
    knows: _Knows, act: Act, sound: Sound, trace: GatewayTrace, standstills: list[tuple[float, float]]
) -> Iterator[tuple[str, str]]:
    if sound.sound_id in knows.released and sound.sound_id not in knows.chosen:
        return
    if sound.sound_id == knows.broken:
        knows.broken = None
        return
    chosen = knows.chosen.get(sound.sound_id)
    if chosen is None or chosen.text != sound.text:
        yield "only_what_was_chosen", f"{sound.sound_id} was played and not read as chosen"
        return
    turn_id = knows.turn_of_chosen[chosen.candidate_id, chosen.take]
    if chosen.take != trace.take or knows.evicted:
        yield "one_gateway", f"{sound.sound_id} names take {chosen.take}{', and the call is lost' * knows.evicted}"
    if turn_id in knows.over:
        yield "closing_ends_turn", f"{sound.sound_id} after the closing line of {turn_id}"
    if turn_id in knows.started:
        yield "one_reply", f"{sound.sound_id}: a reply of {turn_id} was started before"
    knows.started.add(turn_id)
    newer = [event_id for event_id in knows.put if knows.log.get(event_id, 10**9) > chosen.answers_through]
    if newer or knows.last_caller_seq > chosen.answers_through:
        yield "nothing_stale", f"{sound.sound_id} answers through {chosen.answers_through}; the caller said more"
    took_at = trace.acts[0].at_s  # what stood still before, read the log when it took the call
    for began, ended in standstills:
        if ended - max(began, took_at) > GAP_S + 0.06 and ended <= act.at_s and knows.caught_up_s < ended:
            yield "reads_after_a_gap", f"{sound.sound_id} after a standstill, before the log was read to its end"


def _granted(knows: _Knows, sound: Sound) -> Iterator[tuple[str, str]]:
    grant = knows.grant
    if grant is None:
        yield "only_what_was_granted", f"{sound.sound_id} and no grant was read"
        return
    lines = [grant.closing] if sound.kind == "closing" else list(grant.phrases)
    if not any(line.phrase_id == sound.sound_id and line.text == sound.text for line in lines):
        yield "only_what_was_granted", f"{sound.kind} {sound.sound_id} was not granted"


def _ends(knows: _Knows, act: Act, standstills: list[tuple[float, float]]) -> Iterator[tuple[str, str]]:
    since = knows.caller_speaks_since_s
    stood = any(began <= act.at_s and since is not None and ended >= since for began, ended in standstills)
    if since is not None and act.at_s - since > STOP_WITHIN_S and not stood:
        yield "stops_for_the_caller", f"audio went on for {act.at_s - since:.2f} s over the caller"
    knows.playing = None
    if act.sound and act.sound.kind == "reply" and act.text != act.sound.text:
        knows.broken = act.sound.sound_id


def takes_effect_once(log: RawLog, traces: list[GatewayTrace]) -> Iterator[Violation]:
    """Another gateway says a turn's reply again only if the log didn't know by then that the first had begun."""
    order: dict[tuple[str, str], Any] = {}
    took_at: dict[tuple[str, int], int] = {}
    began_at: dict[tuple[str, str, int], int] = {}
    for rec in log.records():
        if rec.type in ("ReplyChosen", "EscalationChosen", "CloseChosen"):
            order[rec.conversation_id, rec.payload["candidate_id"]] = rec.turn_id
        elif rec.type == "CallTaken":
            took_at.setdefault((rec.conversation_id, rec.payload["take"]), rec.seq)
        elif rec.type == "SpeechStarted":
            began_at[rec.conversation_id, rec.payload["candidate_id"], rec.payload["take"]] = rec.seq
    first: dict[tuple[str, str], tuple[GatewayTrace, str]] = {}
    for trace in traces:
        for act in trace.acts:
            if act.did is not Did.SOUND_BEGAN or act.sound is None or act.sound.kind != "reply":
                continue
            if (trace.call_id, act.sound.sound_id) not in order:
                continue
            turn = (trace.call_id, str(order[trace.call_id, act.sound.sound_id]))
            if turn not in first:
                first[turn] = trace, act.sound.sound_id
                continue
            if trace is first[turn][0]:
                continue  # once more at one gateway is ``sounds``'s to judge
            earlier, candidate = first[turn]
            known = began_at.get((trace.call_id, candidate, earlier.take))
            if known is not None and known < took_at.get((trace.call_id, earlier.take + 1), 10**9):
                yield Violation("one_reply", f"{turn}: {earlier.name} had begun it, then {trace.name} did")
