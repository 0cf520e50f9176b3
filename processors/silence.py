"""Decider: a silent caller is asked once, then released, as behaviour says."""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Caller, Conversation
from processors.candidates import formed
from processors.turn_opening import next_turn_id, opened
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.TurnEnded, f.TimerFired, f.CallerSpeechDismissed, f.KeyPressed)
_LISTENS_AFTER = {"reply", "tool", "fallback"}


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, policy = event.payload, conversation.behaviour.silence
    if isinstance(payload, d.TurnEnded):
        if payload.outcome in _LISTENS_AFTER and not payload.interrupted:
            yield _listening(conversation, event, f"silence.{conversation.turns}")
    elif isinstance(payload, f.KeyPressed):  # it took the timer away, or cut a reply off; the next key may never come
        if _is_silent(conversation):
            yield _listening(conversation, event, f"silence.{conversation.turns}.{event.seq}")
    elif isinstance(payload, f.CallerSpeechDismissed):
        # What sounded like the caller took the timer away, and it was nothing: the caller is silent still.
        if conversation.behaviour.barge_in and _is_silent(conversation) and conversation.turns:
            yield _listening(conversation, event, f"silence.{conversation.turns}.{event.seq}")
    elif _is_silent(conversation) and isinstance(payload, f.TimerFired) and payload.purpose == "silence":
        yield opened(conversation, cause="silence", speech_ended_at_us=event.accepted_at_us)
        turn_id = next_turn_id(conversation)
        if conversation.silences == 0:
            yield formed(conversation, turn_id, "silence", "ask", policy.ask)
        else:
            yield formed(conversation, turn_id, "close", "silence", policy.release)


def _listening(conversation: Conversation, event: Event, timer_id: str) -> d.TimerSet:
    policy = conversation.behaviour.silence
    wait_ms = policy.release_after_ms if conversation.silences else policy.ask_after_ms
    return d.TimerSet(timer_id=timer_id, purpose="silence", due_at_us=event.accepted_at_us + wait_ms * 1000)


def _is_silent(conversation: Conversation) -> bool:
    return conversation.turn is None and conversation.caller is Caller.SILENT
