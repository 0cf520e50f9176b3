"""How a turn opens, is speculated on, committed and ended."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Conversation, Line, Turn
from agent_core.reducers.changes import Reducer, outlives_turn, with_asks_closed, without_guests_awaited
from agent_core.reducers.writing import with_answer_turn
from schemas import decisions as d
from schemas.event import Happening


def _turn_opened(c: Conversation, event: Happening, p: d.TurnOpened) -> Conversation:
    turn = Turn(
        turn_id=event.turn_id or "",
        cause=p.cause,
        utterance_id=p.utterance_id,
        speech_ended_at_us=p.speech_ended_at_us,
        give_up_ms=p.give_up_ms,
        since_seq=event.seq,
        carried=c.unanswered,
        committed=p.cause != "utterance",
    )
    silences = c.silences + 1 if p.cause == "silence" else c.silences
    last_hold = p.holding[-1] if p.holding else c.last_hold
    return replace(
        c,
        turn=turn,
        turns=c.turns + 1,
        silences=silences,
        last_hold=last_hold,
        unanswered="",
        interrupted=None,
        stopped_for="",
    )


def _speculation_opened(c: Conversation, event: Happening, p: d.SpeculationOpened) -> Conversation:
    if c.turn is None:
        return c
    turn = replace(
        c.turn,
        since_seq=event.seq,
        speculation=p.speculation,
        live=True,
        question=p.question,
        errand=None,
        scores=None,
        sources=None,
        asked=(),
        refusals={},
        results={},
        input_verdicts={},
        input_reasons=(),
    )
    return replace(without_guests_awaited(with_asks_closed(c)), turn=turn)


def _speculation_dropped(c: Conversation, event: Happening, p: d.SpeculationDropped) -> Conversation:
    if c.turn is None or c.turn.speculation != p.speculation:
        return c
    return replace(without_guests_awaited(with_asks_closed(c)), turn=replace(c.turn, live=False))


def _turn_committed(c: Conversation, event: Happening, p: d.TurnCommitted) -> Conversation:
    if c.turn is None:
        return c
    line = Line("caller", c.turn.question, c.turn.turn_id, event.seq)
    return with_answer_turn(replace(c, turn=replace(c.turn, committed=True), transcript=(*c.transcript, line)))


def _turn_ended(c: Conversation, event: Happening, p: d.TurnEnded) -> Conversation:
    turn = c.turn
    if turn is None:
        return c
    # What the caller wanted is kept by the proof that they are asked for, or by the proposal.
    unanswered = turn.question if p.outcome == "superseded" and turn.committed and turn.errand is None else ""
    timers = {key: timer for key, timer in c.timers.items() if timer.turn_id != turn.turn_id}
    asks = {key: ask for key, ask in c.asks.items() if outlives_turn(ask)}
    said = turn.candidates.get(p.candidate_id)
    said_last = c.said_last if said and said.action == "resume" else p.candidate_id
    return replace(c, turn=None, asks=asks, timers=timers, unanswered=unanswered, said_last=said_last)


REDUCERS: dict[type, Reducer] = {
    d.TurnOpened: _turn_opened,
    d.SpeculationOpened: _speculation_opened,
    d.SpeculationDropped: _speculation_dropped,
    d.TurnCommitted: _turn_committed,
    d.TurnEnded: _turn_ended,
}
