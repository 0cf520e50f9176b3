"""Folds a conversation's events into the picture of its race. Pure: the moment of each event comes in as an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from console.race_model import (
    CallRace,
    HeardWords,
    Pending,
    Sound,
    SoundKind,
    TurnRace,
)
from console.turn_fold import fold_turn
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event


def fold(call: CallRace, event: Event, at_s: float) -> CallRace:
    """The call with one more event of its conversation, read or accepted at ``at_s``."""
    call = replace(
        call,
        call_id=call.call_id or event.conversation_id,
        began_at_s=at_s if call.began_at_s is None else call.began_at_s,
        events=call.events + 1,
    )
    on_call = _ON_CALL.get(type(event.payload))
    if on_call:
        call = on_call(call, event, at_s)
    if not event.turn_id:
        return call
    return _with_turn(call, event.turn_id, lambda turn: replace(fold_turn(turn, event.payload, at_s), seq_to=event.seq))


def fold_all(events: Iterable[Event]) -> CallRace:
    """A whole conversation after the fact, on the owner's clock."""
    call = CallRace()
    for event in events:
        call = fold(call, event, event.accepted_at_us / 1e6)
    return call


# --- the call --------------------------------------------------------------------------------------------------------


def _arrived(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload = event.payload
    assert isinstance(payload, f.CallArrived)
    return replace(call, providers=payload.providers, began_at_s=at_s)


def _taken(call: CallRace, event: Event, at_s: float) -> CallRace:
    return replace(call, takes=call.takes + 1)


def _granted(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload = event.payload
    assert isinstance(payload, d.StandingGranted)
    return replace(call, granted=len(payload.phrases), granted_guards=len(payload.guarded_by))


def _answered(call: CallRace, event: Event, at_s: float) -> CallRace:
    return replace(call, answered_at_s=at_s)


def _ended(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload = event.payload
    assert isinstance(payload, f.CallEnded)
    return replace(call, ended=payload.reason, ended_at_s=at_s, caller_speaking=False)


def _owner_changed(call: CallRace, event: Event, at_s: float) -> CallRace:
    return replace(call, owner_changes=call.owner_changes + 1)


def _fact_dropped(call: CallRace, event: Event, at_s: float) -> CallRace:
    return replace(call, dead_letters=call.dead_letters + 1)


def _speech_started(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload = event.payload
    assert isinstance(payload, f.CallerSpeechStarted)
    return replace(call, caller_speaking=True, pending=Pending(payload.utterance_id, first_seq=event.seq))


def _speech_dismissed(call: CallRace, event: Event, at_s: float) -> CallRace:
    return replace(call, caller_speaking=False)


def _resumed(call: CallRace, event: Event, at_s: float) -> CallRace:
    return replace(call, caller_speaking=True)


def _heard(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload = event.payload
    assert isinstance(payload, f.UtteranceHeard)
    words = HeardWords(payload.text, payload.final, at_s, payload.since_speech_end_ms)
    call = replace(call, caller_speaking=False)
    turn = next((t for t in reversed(call.turns) if t.utterance_id == payload.utterance_id), None)
    if turn:
        zero_s = at_s - payload.since_speech_end_ms / 1000
        return _with_turn(call, turn.turn_id, lambda t: replace(t, heard=(*t.heard, words), zero_s=zero_s))
    pending = _pending(call, payload.utterance_id, event.seq)
    return replace(call, pending=replace(pending, heard=(*pending.heard, words)))


def _hold(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload = event.payload
    assert isinstance(payload, f.HoldingPlayed | f.FallbackPlayed)
    kind = SoundKind.HOLD if isinstance(payload, f.HoldingPlayed) else SoundKind.CLOSING
    sound = Sound(kind, payload.phrase_id, at_s, payload.since_speech_end_ms, payload.text)
    turn_id = event.turn_id or next(
        (t.turn_id for t in reversed(call.turns) if payload.utterance_id and t.utterance_id == payload.utterance_id), ""
    )
    if turn_id:
        return _with_turn(call, turn_id, lambda t: replace(t, sounds=(*t.sounds, sound)))
    pending = _pending(call, payload.utterance_id, event.seq)
    return replace(call, pending=replace(pending, sounds=(*pending.sounds, sound)))


def _turn_opened(call: CallRace, event: Event, at_s: float) -> CallRace:
    payload, pending = event.payload, call.pending
    assert isinstance(payload, d.TurnOpened)
    mine = pending if payload.utterance_id and pending.utterance_id == payload.utterance_id else Pending("")
    zero_s = at_s - mine.heard[-1].since_speech_end_ms / 1000 if mine.heard else at_s
    turn = TurnRace(
        turn_id=event.turn_id or "",
        cause=payload.cause,
        utterance_id=payload.utterance_id,
        zero_s=zero_s,
        opened_at_s=at_s,
        hold_marks_ms=payload.hold_marks_ms,
        give_up_ms=payload.give_up_ms,
        hard_ms=payload.hard_ms,
        seq_from=mine.first_seq or event.seq,
        heard=mine.heard,
        sounds=mine.sounds,
    )
    return replace(call, turns=(*call.turns, turn), pending=Pending("") if mine.utterance_id else pending)


def _pending(call: CallRace, utterance_id: str, seq: int) -> Pending:
    """What is known of the utterance whose turn isn't open; an older one that never got a turn is forgotten."""
    return call.pending if call.pending.utterance_id == utterance_id else Pending(utterance_id, first_seq=seq)


def _with_turn(call: CallRace, turn_id: str, change: Callable[[TurnRace], TurnRace]) -> CallRace:
    return replace(call, turns=tuple(change(turn) if turn.turn_id == turn_id else turn for turn in call.turns))


_ON_CALL: dict[type, Callable[[CallRace, Event, float], CallRace]] = {
    f.CallArrived: _arrived,
    f.CallTaken: _taken,
    d.StandingGranted: _granted,
    f.CallAnswered: _answered,
    f.CallEnded: _ended,
    f.OwnerChanged: _owner_changed,
    f.FactDropped: _fact_dropped,
    f.CallerSpeechStarted: _speech_started,
    f.CallerSpeechDismissed: _speech_dismissed,
    f.UtteranceResumed: _resumed,
    f.UtteranceHeard: _heard,
    f.HoldingPlayed: _hold,
    f.FallbackPlayed: _hold,
    d.TurnOpened: _turn_opened,
}
