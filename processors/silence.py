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

HANDLES = (d.TurnEnded, f.TimerFired)
_LISTENS_AFTER = {"reply", "tool", "fallback"}


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, policy = event.payload, conversation.behaviour.silence
    if isinstance(payload, d.TurnEnded):
        if payload.outcome in _LISTENS_AFTER and not payload.interrupted:
            wait_ms = policy.release_after_ms if conversation.silences else policy.ask_after_ms
            due = event.accepted_at_us + wait_ms * 1000
            yield d.TimerSet(timer_id=f"silence.{conversation.turns}", purpose="silence", due_at_us=due)
    elif _is_silent(conversation) and isinstance(payload, f.TimerFired) and payload.purpose == "silence":
        yield opened(conversation, cause="silence", speech_ended_at_us=event.accepted_at_us)
        turn_id = next_turn_id(conversation)
        if conversation.silences == 0:
            yield formed(conversation, turn_id, "silence", "ask", policy.ask)
        else:
            yield formed(conversation, turn_id, "close", "silence", policy.release)


def _is_silent(conversation: Conversation) -> bool:
    return conversation.turn is None and conversation.caller is Caller.SILENT
