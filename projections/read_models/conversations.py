"""Conversations, with how they went and how they ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from agent_core.conversation import Conversation, Status
from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen
from projections.sealed_text import sealed_name
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h

_ANSWERED = ("reply", "tool", "close")


class ConversationRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    source: Annotated[
        str | None, Meta(description="transcripts, otel or langfuse: another system ran it; NULL: we did.")
    ]
    channel: Annotated[str | None, Meta(description="Of the ring: voice; or what the other system said.")]
    status: Annotated[
        str | None,
        Meta(
            description="ringing, talking or ended; where another system ran it: ended from the end that it tells of, NULL before "
            "and where it tells of none."
        ),
    ]
    outcome: Annotated[
        str | None,
        Meta(
            description="handed_over (a person was chosen), resolved (the caller's last turn was answered), abandoned (the "
            "caller hung up on an unanswered turn or before any), unresolved; NULL while it goes on, and where another system ran it."
        ),
    ]
    closed_reason: Annotated[str | None, Meta(description="Why it was closed, as ConversationClosed says.")]
    language: Annotated[str | None, Meta(description="Of the pinned behaviour.")]
    behaviour_seq: Annotated[int | None, Meta(description="The pinned behaviour's number; NULL before it was opened.")]
    behaviour_hash: Annotated[str | None, Meta(description="The pinned behaviour's content hash.")]
    providers: Annotated[str | None, Meta(description="Recogniser, voice and models in use, separated by commas.")]
    caller: Annotated[
        Sealed | None,
        Meta(
            description="The caller's number, as the channel gave it; or whom the other system names; NULL: nobody told."
        ),
    ]
    started_us: Annotated[int, Meta(description="Its first event.")]
    answered_us: Annotated[int | None, Meta(description="The gateway picked up.")]
    ended_us: Annotated[int | None, Meta(description="It was closed.")]
    turns: Annotated[int, Meta(description="Turns that the caller's words began.")]
    agent_turns: Annotated[
        int,
        Meta(
            description="Turns that no words began: greeting, silence, resume, keys (the caller keyed in a proof), news (what "
            "became of a change is told)."
        ),
    ]
    holds: Annotated[int, Meta(description="Holding lines that were played.")]
    fallbacks: Annotated[int, Meta(description="Closing lines that a gateway played at the hard mark.")]
    interruptions: Annotated[int, Meta(description="Replies that the caller spoke over.")]
    blocked: Annotated[int, Meta(description="Required guardrails' verdicts that blocked a candidate or an input.")]
    escalations: Annotated[int, Meta(description="How often a person was chosen.")]
    takes: Annotated[int, Meta(description="Gateways that held the call, one after another.")]
    events: Annotated[int | None, Meta(description="Its events when it was closed; NULL while it goes on.")]
    repeat_contact: Annotated[
        bool | None, Meta(description="NULL: no event says yet who called before about the same thing.")
    ]
    satisfaction: Annotated[float | None, Meta(description="NULL: no event holds a rating yet.")]


class _Conversation(msgspec.Struct):
    started_us: int
    source: str | None = None
    channel: str | None = None
    closed_reason: str | None = None
    language: str | None = None
    providers: str | None = None
    caller: Sealed | None = None
    answered_us: int | None = None
    ended_us: int | None = None
    events: int | None = None
    last_outcome: str | None = None
    turns: int = 0
    agent_turns: int = 0
    holds: int = 0
    fallbacks: int = 0
    interruptions: int = 0
    blocked: int = 0
    escalations: int = 0


class Conversations:
    def __init__(self) -> None:
        self._state: _Conversation | None = None
        self._callers_turns: set[str] = set()

    def take(self, seen: Seen) -> Iterable[Row]:
        event = seen.event
        if isinstance(event.payload, d.VerdictIssued) and not _blocks(event.payload):  # most of them
            return
        state = self._state = self._state or _Conversation(started_us=event.accepted_at_us)
        self._note(state, seen)
        after = seen.after
        yield ConversationRow(
            conversation_id=event.conversation_id,
            source=state.source,
            channel=state.channel,
            status=_status(state, after),
            outcome=_outcome(state),
            closed_reason=state.closed_reason,
            language=state.language,
            behaviour_seq=after.behaviour_seq or None,
            behaviour_hash=after.behaviour_hash or None,
            providers=state.providers,
            caller=state.caller,
            started_us=state.started_us,
            answered_us=state.answered_us,
            ended_us=state.ended_us,
            turns=state.turns,
            agent_turns=state.agent_turns,
            holds=state.holds,
            fallbacks=state.fallbacks,
            interruptions=state.interruptions,
            blocked=state.blocked,
            escalations=state.escalations,
            takes=after.take,
            events=state.events,
            repeat_contact=None,
            satisfaction=None,
        )

    def _note(self, state: _Conversation, seen: Seen) -> None:
        event, payload = seen.event, seen.event.payload
        match payload:
            case f.CallArrived():
                state.channel, state.providers = payload.channel, ",".join(payload.providers)
                state.caller = sealed_name(event, "caller")
            case h.ConversationImported():
                state.source, state.channel = payload.source, payload.channel or None
                state.language, state.caller = payload.language or None, sealed_name(event, "subject")
                state.answered_us = event.accepted_at_us
            case h.MessageImported() if payload.role == "caller" and event.turn_id not in self._callers_turns:
                state.turns += 1
                self._callers_turns.add(event.turn_id or "")
            case h.ImportedConversationEnded():
                state.closed_reason, state.ended_us, state.events = payload.reason, event.accepted_at_us, event.seq
            case d.ConversationOpened():
                state.language = payload.language
            case f.CallAnswered() if state.answered_us is None:
                state.answered_us = event.accepted_at_us
            case d.ConversationClosed() if state.ended_us is None:
                state.closed_reason, state.ended_us, state.events = payload.reason, event.accepted_at_us, event.seq
            case d.TurnOpened() if payload.cause == "utterance":
                state.turns += 1
                self._callers_turns.add(event.turn_id or "")
            case d.TurnOpened():
                state.agent_turns += 1
            case d.TurnEnded():
                state.interruptions += payload.interrupted
                if event.turn_id in self._callers_turns:
                    state.last_outcome = payload.outcome
            case f.HoldingPlayed():
                state.holds += 1
            case f.FallbackPlayed():
                state.fallbacks += 1
            case d.VerdictIssued():
                state.blocked += 1
            case d.EscalationChosen():
                state.escalations += 1


def _blocks(verdict: d.VerdictIssued) -> bool:
    return verdict.required and not verdict.passed


def _status(state: _Conversation, after: Conversation) -> str | None:
    if state.source is not None:  # closed to deciders from its first event on; when it was over, its own system tells
        return None if state.ended_us is None else "ended"
    return "ended" if after.status is Status.CLOSED else "talking" if after.answered else "ringing"


def _outcome(state: _Conversation) -> str | None:
    if state.ended_us is None or state.source is not None:  # nobody can tell of another system's
        return None
    if state.escalations:
        return "handed_over"
    if state.last_outcome in _ANSWERED:
        return "resolved"
    return "abandoned" if state.last_outcome in (None, "abandoned", "superseded") else "unresolved"


CONVERSATIONS = ReadModel(
    name="conversations",
    version=6,
    about="One row a conversation: how it went and how it ended.",
    row=ConversationRow,
    key=("conversation_id",),
    day="started_us",
    handles=frozenset(
        {
            h.ConversationImported,
            h.MessageImported,
            h.ImportedConversationEnded,
            f.CallArrived,
            f.CallTaken,
            f.CallAnswered,
            f.HoldingPlayed,
            f.FallbackPlayed,
            d.ConversationOpened,
            d.ConversationClosed,
            d.TurnOpened,
            d.TurnEnded,
            d.VerdictIssued,
            d.EscalationChosen,
        }
    ),
    fold=Conversations,
)
