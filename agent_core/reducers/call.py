"""What happens to the call and what the caller does."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Caller, Conversation, Status
from agent_core.reducers.changes import Reducer, outlives_turn, unchoose
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Happening


def _call_taken(c: Conversation, event: Happening, p: f.CallTaken) -> Conversation:
    if p.take <= c.take:
        return c
    turn = c.turn
    if turn and turn.chosen and turn.started is None:  # the former gateway never started it: choose again, for this one
        turn = unchoose(turn)
    # What the caller was saying died with the former gateway: the new one hears them from here on.
    return replace(c, take=p.take, turn=turn, caller=Caller.SILENT, stopped_for="")


def _call_answered(c: Conversation, event: Happening, p: f.CallAnswered) -> Conversation:
    return replace(c, answered=True)


def _conversation_opened(c: Conversation, event: Happening, p: d.ConversationOpened) -> Conversation:
    return replace(c, status=Status.OPEN, behaviour_seq=p.behaviour_seq, behaviour_hash=p.behaviour_hash)


def _standing_granted(c: Conversation, event: Happening, p: d.StandingGranted) -> Conversation:
    return replace(c, granted_take=p.take)


def _conversation_closed(c: Conversation, event: Happening, p: d.ConversationClosed) -> Conversation:
    asks = {key: ask for key, ask in c.asks.items() if outlives_turn(ask) and not ask.kept}
    return replace(c, status=Status.CLOSED, asks=asks, timers={}, late_reads={})


# --- the caller ------------------------------------------------------------------------------------------------------


def _caller_speech_started(c: Conversation, event: Happening, p: f.CallerSpeechStarted) -> Conversation:
    return replace(c, caller=Caller.SPEAKING)


def _caller_speech_dismissed(c: Conversation, event: Happening, p: f.CallerSpeechDismissed) -> Conversation:
    there = p.why == "filler"  # who says "uh" is there, and need not be asked
    return replace(c, caller=Caller.SILENT, silences=0 if there else c.silences)


def _utterance_heard(c: Conversation, event: Happening, p: f.UtteranceHeard) -> Conversation:
    c = replace(c, caller=Caller.SILENT if p.final else Caller.PAUSED, silences=0, interrupted=None)
    if c.turn and c.turn.utterance_id == p.utterance_id:
        ended_at = event.accepted_at_us - round(p.since_speech_end_ms * 1000)
        c = replace(c, turn=replace(c.turn, speech_ended_at_us=ended_at))
    return c


def _utterance_resumed(c: Conversation, event: Happening, p: f.UtteranceResumed) -> Conversation:
    return replace(c, caller=Caller.SPEAKING)


REDUCERS: dict[type, Reducer] = {
    f.CallTaken: _call_taken,
    f.CallAnswered: _call_answered,
    f.CallerSpeechStarted: _caller_speech_started,
    f.CallerSpeechDismissed: _caller_speech_dismissed,
    f.UtteranceHeard: _utterance_heard,
    f.UtteranceResumed: _utterance_resumed,
    d.ConversationOpened: _conversation_opened,
    d.ConversationClosed: _conversation_closed,
    d.StandingGranted: _standing_granted,
}
