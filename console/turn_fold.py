"""Folds an event into the picture of the one turn that it belongs to. Pure: its moment comes in as an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from console.race_model import (
    Answer,
    AnswerState,
    Classified,
    FoundArticles,
    Refusal,
    Sound,
    SoundKind,
    Speculation,
    TurnRace,
    Verdict,
)
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from streams.codec import FORGOTTEN


def fold_turn(turn: TurnRace, payload: Payload, at_s: float) -> TurnRace:
    """The turn as it stands after the event; unchanged where the event says nothing about its race."""
    on_turn = _ON_TURN.get(type(payload))
    return on_turn(turn, payload, at_s) if on_turn else turn


def _speculation_opened(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    opened = Speculation(number=payload.speculation, question=payload.question, opened_at_s=at_s)
    return replace(
        turn,
        speculations=(*turn.speculations, opened),
        asked_at_s=at_s,
        classified=None,
        articles=None,
        input_verdicts=(),
    )


def _speculation_dropped(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    def drop(speculation: Speculation) -> Speculation:
        return replace(speculation, dropped=payload.reason, dropped_at_s=at_s)

    return _with_speculation(turn, payload.speculation, drop)


def _committed(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    def commit(speculation: Speculation) -> Speculation:
        return replace(speculation, committed_at_s=at_s, eager=payload.eager)

    return _with_speculation(turn, payload.speculation, commit)


def _scores(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    if payload.ask_id != f"{turn.turn_id}.s{turn.speculation}.classify":
        return turn  # a guardrail's scores: its verdict follows; or those of a speculation that is gone
    best = sorted(((s.name, s.value) for s in payload.scores), key=lambda pair: -pair[1])
    return replace(turn, classified=Classified(tuple(best), at_s, payload.elapsed_ms))


def _passages(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    if payload.passages == FORGOTTEN:
        return turn
    passages = msgspec.json.decode(payload.passages, type=list[f.FoundPassage])
    public = tuple(dict.fromkeys(p.article_id for p in passages if p.public))
    private = tuple(dict.fromkeys(p.article_id for p in passages if not p.public))
    return replace(turn, articles=FoundArticles(public, private, at_s, payload.elapsed_ms))


def _completion_asked(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    if payload.purpose != "answer":
        return turn
    asked = tuple(
        Answer(
            answer_id=f"{payload.ask_id}.{attempt}",
            speculation=turn.speculation,
            intent=payload.intent,
            attempt=attempt,
            asked_at_s=at_s,
        )
        for attempt in range(payload.attempts)
    )
    return replace(turn, answers=(*turn.answers, *asked))


def _attempt_asked(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    first = next((answer for answer in turn.answers if answer.answer_id == f"{payload.ask_id}.0"), None)
    if first is None:  # of the classifier, or a guardrail
        return turn
    more = Answer(
        answer_id=f"{payload.ask_id}.{payload.attempt}",
        speculation=turn.speculation,
        intent=first.intent,
        attempt=payload.attempt,
        asked_at_s=at_s,
    )
    return replace(turn, answers=(*turn.answers, more))


def _completion_returned(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    def returned(answer: Answer) -> Answer:
        return replace(
            answer,
            state=AnswerState.RETURNED if answer.state is AnswerState.ASKED else answer.state,
            provider=payload.provider,
            first_token_ms=payload.first_token_ms,
            total_ms=payload.total_ms,
            settled_at_s=answer.settled_at_s or at_s,
        )

    return _with_answer(turn, f"{payload.ask_id}.{payload.attempt}", returned)


def _tool_requested(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    asked = Answer(
        answer_id=f"{payload.ask_id}.0",
        speculation=turn.speculation,
        intent=payload.intent,
        action="tool",
        origin="tool",
        provider=payload.tool,
        asked_at_s=at_s,
    )
    return replace(turn, answers=(*turn.answers, asked))


def _tool_returned(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    def returned(answer: Answer) -> Answer:
        state = AnswerState.RETURNED if answer.state is AnswerState.ASKED else answer.state
        return replace(answer, state=state, total_ms=payload.elapsed_ms, settled_at_s=answer.settled_at_s or at_s)

    return _with_answer(turn, f"{payload.ask_id}.{payload.attempt}", returned)


def _effect_failed(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    answer_id = f"{payload.ask_id}.{payload.attempt}"
    if not any(answer.answer_id == answer_id for answer in turn.answers):
        return replace(turn, failures=(*turn.failures, (payload.ask_id, payload.reason)))

    def failed(answer: Answer) -> Answer:
        return replace(
            answer,
            state=AnswerState.FAILED,
            reason=payload.reason,
            provider=payload.provider or answer.provider,
            total_ms=payload.elapsed_ms,
            settled_at_s=at_s,
        )

    return _with_answer(turn, answer_id, failed)


def _effect_cancelled(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    answer_id = f"{payload.ask_id}.{payload.attempt}"
    sentences = (answer for answer in turn.answers if answer.answer_id.startswith(f"{answer_id}."))
    blocked = any(answer.state is AnswerState.BLOCKED for answer in sentences)
    reason = "its beginning was blocked" if blocked else "a sibling won"

    def cancelled(answer: Answer) -> Answer:
        return replace(
            answer, state=AnswerState.CANCELLED, reason=reason, total_ms=payload.elapsed_ms, settled_at_s=at_s
        )

    return _with_answer(turn, answer_id, cancelled)


def _candidate_formed(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    known = next((answer for answer in turn.answers if answer.answer_id == payload.candidate_id), None)
    formed = replace(
        known
        or Answer(
            answer_id=payload.candidate_id, speculation=payload.speculation, intent=payload.intent, asked_at_s=None
        ),
        action=payload.action,
        origin=payload.origin,
        text=payload.text,
        state=AnswerState.JUDGED,
        formed_at_s=at_s,
        settled_at_s=None,
    )
    if payload.origin == "tool":
        turn = replace(turn, answers=tuple(_used(answer, payload) for answer in turn.answers))
    if known is None:
        return replace(turn, answers=(*turn.answers, formed))
    return _with_answer(turn, payload.candidate_id, lambda answer: formed)


def _used(answer: Answer, payload: Any) -> Answer:
    """What a tool found for this candidate, which bears another name than the tool's ask."""
    asked_for = (answer.action, answer.intent, answer.speculation) == ("tool", payload.intent, payload.speculation)
    return replace(answer, state=AnswerState.USED) if asked_for and answer.state is AnswerState.RETURNED else answer


def _verdict(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    verdict = Verdict(payload.guardrail, payload.passed, payload.required, payload.reasons, at_s)
    if not payload.candidate_id:
        return replace(turn, input_verdicts=(*turn.input_verdicts, verdict))
    return _with_answer(
        turn, payload.candidate_id, lambda answer: replace(answer, verdicts=(*answer.verdicts, verdict))
    )


def _accepted(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return _with_answer(
        turn,
        payload.candidate_id,
        lambda answer: replace(answer, state=AnswerState.ACCEPTED, settled_at_s=at_s),
    )


def _dropped(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    blocked = payload.reason.startswith("blocked:")

    def drop(answer: Answer) -> Answer:
        return replace(
            answer,
            state=AnswerState.BLOCKED if blocked else AnswerState.DROPPED,
            reason=payload.reason.removeprefix("blocked:"),
            settled_at_s=answer.settled_at_s or at_s,
        )

    return _with_answer(turn, payload.candidate_id, drop)


def _chosen(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    kind = {d.EscalationChosen: "escalation", d.CloseChosen: "close"}.get(type(payload), "reply")
    turn = replace(turn, chosen=payload.candidate_id, chosen_as=kind, chosen_at_s=at_s)
    return _with_answer(turn, payload.candidate_id, lambda answer: replace(answer, state=AnswerState.CHOSEN))


def _reply_started(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    winner = turn.winner
    kind = SoundKind.FALLBACK if winner and winner.action == "fallback" else SoundKind.REPLY
    text = winner.text if winner else ""
    sound = Sound(kind, payload.candidate_id, at_s, payload.since_speech_end_ms, text)
    return replace(turn, sounds=(*turn.sounds, sound), playing=True)


def _reply_progressed(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(turn, spoken=payload.spoken_so_far)


def _reply_completed(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(turn, spoken=payload.spoken, playing=False)


def _reply_interrupted(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(turn, spoken=payload.spoken_so_far, playing=False, interrupted=True)


def _voice_failed(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(turn, voice_failed=payload.reason)


def _refused(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(turn, refusals=(*turn.refusals, Refusal(payload.candidate_id, payload.reason, at_s)))


def _timer_fired(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(turn, gave_up_at_s=at_s) if payload.purpose == "give_up" else turn


def _turn_ended(turn: TurnRace, payload: Any, at_s: float) -> TurnRace:
    return replace(
        turn,
        outcome=payload.outcome,
        interrupted=turn.interrupted or payload.interrupted,
        ended_at_s=at_s,
        playing=False,
    )


def _with_answer(turn: TurnRace, answer_id: str, change: Callable[[Answer], Answer]) -> TurnRace:
    return replace(turn, answers=tuple(change(a) if a.answer_id == answer_id else a for a in turn.answers))


def _with_speculation(turn: TurnRace, number: int, change: Callable[[Speculation], Speculation]) -> TurnRace:
    return replace(turn, speculations=tuple(change(s) if s.number == number else s for s in turn.speculations))


_ON_TURN: dict[type, Callable[[TurnRace, Any, float], TurnRace]] = {
    d.SpeculationOpened: _speculation_opened,
    d.SpeculationDropped: _speculation_dropped,
    d.TurnCommitted: _committed,
    f.ScoresReturned: _scores,
    f.PassagesFound: _passages,
    d.CompletionAsked: _completion_asked,
    d.AttemptAsked: _attempt_asked,
    f.CompletionReturned: _completion_returned,
    d.ToolRequested: _tool_requested,
    f.ToolReturned: _tool_returned,
    f.EffectFailed: _effect_failed,
    f.EffectCancelled: _effect_cancelled,
    d.CandidateFormed: _candidate_formed,
    d.VerdictIssued: _verdict,
    d.CandidateAccepted: _accepted,
    d.CandidateDropped: _dropped,
    d.ReplyChosen: _chosen,
    d.EscalationChosen: _chosen,
    d.CloseChosen: _chosen,
    f.SpeechStarted: _reply_started,
    f.SpeechProgressed: _reply_progressed,
    f.SpeechCompleted: _reply_completed,
    f.SpeechInterrupted: _reply_interrupted,
    f.SpeechFailed: _voice_failed,
    f.ReplyRefused: _refused,
    f.TimerFired: _timer_fired,
    d.TurnEnded: _turn_ended,
}
