"""Decider: what the caller says opens, speculates on, commits and supersedes turns.

    eager end of turn  -> TurnOpened, SpeculationOpened(1)
    caller goes on     -> SpeculationDropped(1)
    eager again        -> SpeculationOpened(2)
    final, same text   -> TurnCommitted(2)        (the work of speculation 2 counts)
    final, other text  -> SpeculationDropped(2), SpeculationOpened(3), TurnCommitted(3)

An utterance while another turn is open supersedes that turn; its unanswered question is carried into the new one.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent_core.conversation import Conversation, Turn
from processors.turn_ending import outcome_of
from processors.turn_opening import opened
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.UtteranceHeard, f.UtteranceResumed)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload, turn = event.payload, conversation.turn
    if isinstance(payload, f.UtteranceResumed):
        if turn and turn.utterance_id == payload.utterance_id and turn.live and not turn.committed:
            yield d.SpeculationDropped(speculation=turn.speculation, reason="resumed")
    elif isinstance(payload, f.UtteranceHeard):
        yield from _heard(conversation, event, payload)


def _heard(conversation: Conversation, event: Event, heard: f.UtteranceHeard) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or turn.utterance_id != heard.utterance_id:
        carried = conversation.unanswered
        if turn:
            yield _superseded(turn)
            carried = turn.question if turn.committed and turn.started is None and turn.errand is None else ""
        ended_at = event.accepted_at_us - round(heard.since_speech_end_ms * 1000)
        yield opened(
            replace(conversation, turn=None),
            cause="utterance",
            speech_ended_at_us=ended_at,
            utterance_id=heard.utterance_id,
        )
        yield d.SpeculationOpened(speculation=1, question=_joined(carried, heard.text))
        if heard.final:
            yield d.TurnCommitted(speculation=1, eager=False)
    elif not turn.committed:
        yield from _same_utterance(turn, heard)


def _same_utterance(turn: Turn, heard: f.UtteranceHeard) -> Iterator[Decision]:
    question = _joined(turn.carried, heard.text)
    if turn.live and turn.question == question:
        if heard.final:
            yield d.TurnCommitted(speculation=turn.speculation, eager=True)
        return
    if turn.live:
        yield d.SpeculationDropped(speculation=turn.speculation, reason="text_changed")
    yield d.SpeculationOpened(speculation=turn.speculation + 1, question=question)
    if heard.final:
        yield d.TurnCommitted(speculation=turn.speculation + 1, eager=False)


def _superseded(turn: Turn) -> d.TurnEnded:
    if turn.started:  # it was being said: the caller talks over it
        return d.TurnEnded(outcome=outcome_of(turn), candidate_id=turn.started, interrupted=True)
    return d.TurnEnded(outcome="superseded")


def _joined(carried: str, text: str) -> str:
    return f"{carried} {text}" if carried else text
