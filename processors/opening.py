"""Decider: a call that arrives pins its behaviour; a gateway that takes it is granted what it may play alone.

A phrase is granted only if every required output guardrail lets it pass that judges without a model: standing orders
are decided and guarded before anything can need them.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.barge_in import BargeIn
from agent_core.conversation import Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import Stage
from agent_core.judging import judge_line, needs_scores
from agent_core.targets import guards_of
from processors.candidates import formed
from processors.turn_opening import opened
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.CallArrived, f.CallTaken)
CLOSING_ID = "closing"


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload = event.payload
    if isinstance(payload, f.CallArrived):
        behaviour = conversation.context.behaviour_of(payload.behaviour_seq, payload.behaviour_hash)
        yield d.ConversationOpened(
            behaviour_seq=payload.behaviour_seq, behaviour_hash=payload.behaviour_hash, language=behaviour.language
        )
    if (
        isinstance(payload, f.CallTaken)
        and conversation.behaviour_hash
        and conversation.take > conversation.granted_take
    ):
        if not _may_be_granted(conversation, conversation.behaviour.lines.closing):
            return  # without a closing line there is nothing to grant, and the call is left ringing
        yield _grant(conversation)
        if conversation.turns == 0:
            yield opened(conversation, cause="greeting", speech_ended_at_us=event.accepted_at_us)
            yield formed(conversation, "t1", "greet", "greet", conversation.behaviour.lines.disclosure)


def _grant(conversation: Conversation) -> d.StandingGranted:
    behaviour = conversation.behaviour
    guards = guards_of(conversation.behaviour_hash, behaviour, Stage.OUTPUT)
    return d.StandingGranted(
        take=conversation.take,
        phrases=tuple(
            d.GrantedPhrase(p.id, p.phatic.value, p.pragmatic.value, p.text)
            for p in behaviour.holding
            if _may_be_granted(conversation, p.text)
        ),
        closing=d.GrantedPhrase(CLOSING_ID, "apologise", "close", behaviour.lines.closing),
        hold_marks_ms=behaviour.budget.hold_marks_ms,
        hard_ms=behaviour.budget.hard_ms,
        yields=_yields(behaviour.barge_in),
        fillers=behaviour.barge_in.fillers if behaviour.barge_in else (),
        unfinished=behaviour.barge_in.unfinished if behaviour.barge_in else (),
        guarded_by=tuple(f"{name}@{registry.find(name).version}" for name in guards if not needs_scores(name)),
    )


def _yields(barge_in: BargeIn | None) -> d.YieldGranted | None:
    return None if barge_in is None else d.YieldGranted(**barge_in.model_dump(exclude={"fillers", "unfinished"}))


def _may_be_granted(conversation: Conversation, text: str) -> bool:
    guards = guards_of(conversation.behaviour_hash, conversation.behaviour, Stage.OUTPUT)
    return all(judge_line(conversation.behaviour, name, text) for name in guards)
