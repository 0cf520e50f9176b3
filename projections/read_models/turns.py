"""Turns, each latency in its own column. The same figures as ``ledgerline show --json`` gives (``turn_report``).

Latencies are ms from the end of the caller's speech by the gateway's clock, NULL in a turn that the agent began: nobody
waited for it. A hold is never a reply, and neither is a closing line or an honest fallback.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from projections.cut_ins import CutIns
from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen
from projections.sealed_text import followed_by, sealed_field
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.event import Happening

_FALLBACK = "fallback"
_Ms = float | None


class TurnRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    turn_id: Annotated[str, Meta(description="The turn, unique in its conversation.")]
    cause: Annotated[
        str,
        Meta(description="utterance, keys (a proof was keyed in), greeting, silence, resume or news (of a change)."),
    ]
    outcome: Annotated[
        str | None,
        Meta(
            description="reply, tool, escalation, close, fallback, superseded or abandoned; NULL while the turn is open."
        ),
    ]
    intent: Annotated[
        str | None, Meta(description="What was answered; where nothing was, what the caller most probably meant.")
    ]
    action: Annotated[str | None, Meta(description="Of the candidate that was chosen last.")]
    candidate_id: Annotated[str | None, Meta(description="The candidate that was chosen last.")]
    interrupted: Annotated[bool, Meta(description="The caller spoke over the reply.")]
    cut_in: Annotated[bool, Meta(description="The agent spoke while the caller only paused: they went on at once.")]
    committed: Annotated[bool, Meta(description="The caller's final words stood.")]
    eager: Annotated[bool | None, Meta(description="The work began before the final end of turn; NULL: not committed.")]
    speculations: Annotated[int, Meta(description="How often the caller's words were taken for all that they say.")]
    holds: Annotated[int, Meta(description="Holding lines that were played.")]
    heard: Annotated[Sealed | None, Meta(description="The caller's words.")]
    chosen: Annotated[
        Sealed | None, Meta(description="The text that was chosen last, with what was released behind it.")
    ]
    spoken: Annotated[Sealed | None, Meta(description="What was really heard of the reply, once it was over.")]
    opened_us: Annotated[int, Meta(description="The turn was opened.")]
    ended_us: Annotated[int | None, Meta(description="The turn was ended.")]
    speech_ended_us: Annotated[int, Meta(description="The caller's end of speech, by the owner's clock.")]
    end_of_turn_ms: Annotated[_Ms, Meta(description="To the final words.")]
    decision_ms: Annotated[_Ms, Meta(description="To the choice of what was said.")]
    first_sound_ms: Annotated[_Ms, Meta(description="To the first sound, holding and closing lines too.")]
    first_reply_ms: Annotated[_Ms, Meta(description="To the first sound of a reply.")]
    first_hold_ms: Annotated[_Ms, Meta(description="To the first holding line.")]
    closing_ms: Annotated[_Ms, Meta(description="To the gateway's closing line.")]
    classification_ms: Annotated[_Ms, Meta(description="The newest classification, from ask to scores.")]
    retrieval_ms: Annotated[_Ms, Meta(description="The newest search for passages.")]
    tool_ms: Annotated[_Ms, Meta(description="The newest tool that returned.")]
    first_token_ms: Annotated[_Ms, Meta(description="Of the completion that was chosen, from its ask.")]
    completion_ms: Annotated[_Ms, Meta(description="Of the completion that was chosen, whole.")]
    speech_ms: Annotated[_Ms, Meta(description="The reply's length as played, from its first sound to its end.")]
    give_up_ms: Annotated[
        int | None, Meta(description="Budget: when the owner ends the turn honestly; NULL: another system ran it.")
    ]
    hard_ms: Annotated[
        int | None, Meta(description="Budget: when the gateway plays its closing line; NULL: another system ran it.")
    ]
    first_seq: Annotated[int, Meta(description="seq of its first event.")]
    last_seq: Annotated[int | None, Meta(description="seq of its end; NULL while it is open.")]


class _Turn(msgspec.Struct):
    row: TurnRow
    utterance_id: str
    chosen_us: int | None = None
    speech_started_us: int | None = None
    top_intent: str | None = None
    sounds: list[tuple[str, float]] = []  # (hold | reply | fallback | closing, ms), of those that count

    def set(self, **changes: object) -> None:
        self.row = msgspec.structs.replace(self.row, **changes)


class Turns:
    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._unopened: dict[str, Happening] = {}  # the words that open a turn stand before it on the log
        self._asks: dict[str, type] = {}
        self._formed: dict[str, d.CandidateFormed] = {}
        self._completions: dict[tuple[str, int], f.CompletionReturned] = {}
        self._cut_ins = CutIns()

    def take(self, seen: Seen) -> Iterable[Row]:
        cut_in = self._turns.get(self._cut_ins.take(seen.event) or "")
        if cut_in is None or cut_in.row.cut_in:
            return self._take(seen)
        cut_in.set(cut_in=True)
        others = [
            row for row in self._take(seen) if not (isinstance(row, TurnRow) and row.turn_id == cut_in.row.turn_id)
        ]
        return (*others, cut_in.row)

    def _take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if isinstance(payload, d.TurnOpened):
            self._open(event, payload)
        if isinstance(payload, d.CandidateFormed):
            self._formed[payload.candidate_id] = payload
            return ()
        if isinstance(payload, f.CompletionReturned):
            return self._completed(seen.turn_id, payload)
        if isinstance(payload, d.ClassificationAsked):
            self._asks[payload.ask_id] = type(payload)
            return ()
        if isinstance(payload, h.MessageImported):
            return self._import(event, payload)
        turn = self._turns.get(seen.turn_id or "")
        if turn is None:
            if isinstance(payload, f.UtteranceHeard):
                self._unopened[payload.utterance_id] = event
            return ()
        before = turn.row
        self._note(turn, event)
        return (turn.row,) if turn.row is not before or isinstance(payload, d.TurnOpened) else ()

    def _completed(self, turn_id: str | None, returned: f.CompletionReturned) -> Iterable[TurnRow]:
        """A reply by sentence is chosen before its completion is there."""
        self._completions[returned.ask_id, returned.attempt] = returned
        turn = self._turns.get(turn_id or "")
        formed = self._formed.get((turn.row.candidate_id if turn else None) or "")
        if turn is None or formed is None or (formed.ask_id, formed.attempt) != (returned.ask_id, returned.attempt):
            return ()
        turn.set(first_token_ms=returned.first_token_ms, completion_ms=returned.total_ms)
        return (turn.row,)

    def _open(self, event: Happening, opened: d.TurnOpened) -> None:
        turn_id = event.turn_id or ""
        row = msgspec.structs.replace(
            _blank(event, opened.cause),
            speech_ended_us=opened.speech_ended_at_us,
            give_up_ms=opened.give_up_ms,
            hard_ms=opened.hard_ms,
        )
        turn = self._turns[turn_id] = _Turn(row, opened.utterance_id)
        heard = self._unopened.pop(opened.utterance_id, None)
        if heard:
            _hear(turn, heard)

    def _import(self, event: Happening, said: h.MessageImported) -> Iterable[TurnRow]:
        """A turn of another system: all that each said in it. When, the log doesn't tell to the ms."""
        if said.role == "system" or event.turn_id is None:
            return ()
        is_callers = said.role == "caller"
        turn = self._turns.get(event.turn_id)
        if turn is None:
            turn = _Turn(_blank(event, "utterance" if is_callers else "greeting"), "")
            self._turns[event.turn_id] = turn
        words = sealed_field(event, "text")
        if is_callers:
            heard = followed_by(turn.row.heard, words) or words
            turn.set(heard=heard, speech_ended_us=event.accepted_at_us, committed=True)
        else:
            text = followed_by(turn.row.spoken, words) or words
            turn.set(chosen=text, spoken=text, outcome="reply", ended_us=event.accepted_at_us, last_seq=event.seq)
        return (turn.row,)

    def _note(self, turn: _Turn, event: Happening) -> None:
        payload = event.payload
        match payload:
            case f.UtteranceHeard():
                _hear(turn, event)
            case f.UtteranceResumed():  # what was played in that pause answered nothing
                turn.sounds = []
                _sounded(turn)
            case d.SpeculationOpened():
                turn.set(speculations=turn.row.speculations + 1)
            case d.TurnCommitted():
                turn.set(committed=True, eager=payload.eager)
            case f.ScoresReturned() if payload.ask_id in self._asks:
                if payload.scores:
                    turn.top_intent = max(payload.scores, key=lambda score: (score.value, score.name)).name
                turn.set(classification_ms=payload.elapsed_ms)
                self._name(turn)
            case f.PassagesFound():
                turn.set(retrieval_ms=payload.elapsed_ms)
            case f.ToolReturned():
                turn.set(tool_ms=payload.elapsed_ms)
            case d.ReplyChosen() | d.EscalationChosen() | d.CloseChosen():
                self._choose(turn, event, payload)
            case d.SentenceReleased() if payload.candidate_id == turn.row.candidate_id:
                turn.set(chosen=followed_by(turn.row.chosen, sealed_field(event, "text")))
            case d.ReplyCut() if payload.candidate_id == turn.row.candidate_id:
                turn.set(chosen=followed_by(turn.row.chosen, payload.repair))
            case d.TurnEnded():
                turn.set(
                    outcome=payload.outcome,
                    interrupted=payload.interrupted,
                    ended_us=event.accepted_at_us,
                    last_seq=event.seq,
                )
            case _:
                self._play(turn, event)

    def _choose(self, turn: _Turn, event: Happening, chosen: d.Spoken) -> None:
        formed = self._formed.get(chosen.candidate_id)
        completion = self._completions.get((formed.ask_id, formed.attempt)) if formed else None
        turn.chosen_us = event.accepted_at_us
        turn.set(
            action=formed.action if formed else None,
            candidate_id=chosen.candidate_id,
            chosen=sealed_field(event, "text"),
            intent=chosen.intent,
            first_token_ms=completion.first_token_ms if completion else None,
            completion_ms=completion.total_ms if completion else None,
        )
        self._name(turn)
        _decided(turn)

    def _name(self, turn: _Turn) -> None:
        """An honest fallback answered nothing."""
        if turn.row.candidate_id is None or turn.row.action == _FALLBACK:
            turn.set(intent=turn.top_intent)

    def _play(self, turn: _Turn, event: Happening) -> None:
        payload = event.payload
        if isinstance(payload, f.HoldingPlayed):
            turn.sounds.append(("hold", payload.since_speech_end_ms))
            turn.set(holds=turn.row.holds + 1)
        elif isinstance(payload, f.FallbackPlayed):
            turn.sounds.append(("closing", payload.since_speech_end_ms))
        elif isinstance(payload, f.SpeechStarted):
            turn.speech_started_us = event.accepted_at_us
            formed = self._formed.get(payload.candidate_id)
            if payload.since_speech_end_ms is not None:
                kind = _FALLBACK if formed and formed.action == _FALLBACK else "reply"
                turn.sounds.append((kind, payload.since_speech_end_ms))
        elif isinstance(payload, f.SpeechCompleted | f.SpeechInterrupted):
            field = "spoken" if isinstance(payload, f.SpeechCompleted) else "spoken_so_far"
            began_us = turn.speech_started_us
            speech_ms = None if began_us is None else (event.accepted_at_us - began_us) / 1000
            turn.set(spoken=sealed_field(event, field), speech_ms=speech_ms)
        _sounded(turn)


def _blank(event: Happening, cause: str) -> TurnRow:
    """As it is opened: nothing is known of it."""
    return TurnRow(
        conversation_id=event.conversation_id,
        turn_id=event.turn_id or "",
        cause=cause,
        outcome=None,
        intent=None,
        action=None,
        candidate_id=None,
        interrupted=False,
        cut_in=False,
        committed=False,
        eager=None,
        speculations=0,
        holds=0,
        heard=None,
        chosen=None,
        spoken=None,
        opened_us=event.accepted_at_us,
        ended_us=None,
        speech_ended_us=event.accepted_at_us,
        end_of_turn_ms=None,
        decision_ms=None,
        first_sound_ms=None,
        first_reply_ms=None,
        first_hold_ms=None,
        closing_ms=None,
        classification_ms=None,
        retrieval_ms=None,
        tool_ms=None,
        first_token_ms=None,
        completion_ms=None,
        speech_ms=None,
        give_up_ms=None,
        hard_ms=None,
        first_seq=event.seq,
        last_seq=None,
    )


def _hear(turn: _Turn, event: Happening) -> None:
    """The turn's words; the first final ones stand."""
    heard = event.payload
    if not isinstance(heard, f.UtteranceHeard) or turn.row.end_of_turn_ms is not None:
        return
    turn.set(
        heard=sealed_field(event, "text"),
        first_seq=min(turn.row.first_seq, event.seq),
        speech_ended_us=event.accepted_at_us - round(heard.since_speech_end_ms * 1000),
        end_of_turn_ms=round(heard.since_speech_end_ms, 3) if heard.final else None,
    )
    _decided(turn)


def _decided(turn: _Turn) -> None:
    if turn.utterance_id and turn.chosen_us is not None:
        turn.set(decision_ms=round((turn.chosen_us - turn.row.speech_ended_us) / 1000, 3))


def _sounded(turn: _Turn) -> None:
    if not turn.utterance_id:
        return

    def first(*kinds: str) -> float | None:
        soonest = min((ms for kind, ms in turn.sounds if not kinds or kind in kinds), default=None)
        return None if soonest is None else round(soonest, 3)

    turn.set(
        first_sound_ms=first(), first_reply_ms=first("reply"), first_hold_ms=first("hold"), closing_ms=first("closing")
    )


TURNS = ReadModel(
    name="turns",
    version=5,
    about="One row a turn: what was meant, how it ended, and each latency in its own column.",
    row=TurnRow,
    key=("conversation_id", "turn_id"),
    day="opened_us",
    handles=frozenset(
        {
            h.MessageImported,
            d.TurnOpened,
            d.CandidateFormed,
            d.ClassificationAsked,
            d.SpeculationOpened,
            d.TurnCommitted,
            d.ReplyChosen,
            d.EscalationChosen,
            d.CloseChosen,
            d.SentenceReleased,
            d.ReplyCut,
            d.TurnEnded,
            f.CallerSpeechStarted,
            f.CallerSpeechDismissed,
            f.UtteranceHeard,
            f.UtteranceResumed,
            f.ScoresReturned,
            f.PassagesFound,
            f.ToolReturned,
            f.CompletionReturned,
            f.HoldingPlayed,
            f.FallbackPlayed,
            f.SpeechStarted,
            f.SpeechCompleted,
            f.SpeechInterrupted,
        }
    ),
    fold=Turns,
)
