"""The reducer: ``evolve(conversation, event) -> conversation``, the one fold that owner, projections and replay share.

It only remembers. What follows from an event is for the deciders; an event that arrives too late changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from agent_core.conversation import (
    Ask,
    Caller,
    Candidate,
    Conversation,
    Fate,
    Interrupted,
    Line,
    Probability,
    Source,
    Status,
    Timer,
    Turn,
)
from agent_core.found import read_passages
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event

_Reducer = Callable[[Conversation, Event, Any], Conversation]


def evolve(conversation: Conversation, event: Event) -> Conversation:
    """The conversation after ``event``. Pure; unknown and late events only move ``seq``."""
    payload = event.payload
    conversation = replace(conversation, seq=event.seq, accepted_at_us=event.accepted_at_us)
    if isinstance(payload, Fact) and payload.SUPERSEDES:
        timers = {key: t for key, t in conversation.timers.items() if t.purpose != "silence"}
        conversation = replace(conversation, last_caller_seq=event.seq, timers=timers)
    reduce = _REDUCERS.get(type(payload))
    return reduce(conversation, event, payload) if reduce else conversation


# --- the call --------------------------------------------------------------------------------------------------------


def _call_taken(c: Conversation, event: Event, p: f.CallTaken) -> Conversation:
    if p.take <= c.take:
        return c
    turn = c.turn
    if turn and turn.chosen and turn.started is None:  # the former gateway never started it: choose again, for this one
        turn = _unchoose(turn)
    # What the caller was saying died with the former gateway: the new one hears them from here on.
    return replace(c, take=p.take, turn=turn, caller=Caller.SILENT)


def _call_answered(c: Conversation, event: Event, p: f.CallAnswered) -> Conversation:
    return replace(c, answered=True)


def _conversation_opened(c: Conversation, event: Event, p: d.ConversationOpened) -> Conversation:
    return replace(c, status=Status.OPEN, behaviour_seq=p.behaviour_seq, behaviour_hash=p.behaviour_hash)


def _standing_granted(c: Conversation, event: Event, p: d.StandingGranted) -> Conversation:
    return replace(c, granted_take=p.take)


def _conversation_closed(c: Conversation, event: Event, p: d.ConversationClosed) -> Conversation:
    return replace(c, status=Status.CLOSED, asks={}, timers={})


# --- the caller ------------------------------------------------------------------------------------------------------


def _caller_speech_started(c: Conversation, event: Event, p: f.CallerSpeechStarted) -> Conversation:
    return replace(c, caller=Caller.SPEAKING)


def _caller_speech_dismissed(c: Conversation, event: Event, p: f.CallerSpeechDismissed) -> Conversation:
    return replace(c, caller=Caller.SILENT)


def _utterance_heard(c: Conversation, event: Event, p: f.UtteranceHeard) -> Conversation:
    c = replace(c, caller=Caller.SILENT if p.final else Caller.PAUSED, silences=0, interrupted=None)
    if c.turn and c.turn.utterance_id == p.utterance_id:
        ended_at = event.accepted_at_us - round(p.since_speech_end_ms * 1000)
        c = replace(c, turn=replace(c.turn, speech_ended_at_us=ended_at))
    return c


def _utterance_resumed(c: Conversation, event: Event, p: f.UtteranceResumed) -> Conversation:
    return replace(c, caller=Caller.SPEAKING)


# --- the turn --------------------------------------------------------------------------------------------------------


def _turn_opened(c: Conversation, event: Event, p: d.TurnOpened) -> Conversation:
    turn = Turn(
        turn_id=event.turn_id or "",
        cause=p.cause,
        utterance_id=p.utterance_id,
        speech_ended_at_us=p.speech_ended_at_us,
        give_up_ms=p.give_up_ms,
        carried=c.unanswered,
        committed=p.cause != "utterance",
    )
    silences = c.silences + 1 if p.cause == "silence" else c.silences
    last_hold = p.holding[-1] if p.holding else c.last_hold
    return replace(
        c, turn=turn, turns=c.turns + 1, silences=silences, last_hold=last_hold, unanswered="", interrupted=None
    )


def _speculation_opened(c: Conversation, event: Event, p: d.SpeculationOpened) -> Conversation:
    if c.turn is None:
        return c
    turn = replace(
        c.turn,
        speculation=p.speculation,
        live=True,
        question=p.question,
        scores=None,
        sources=None,
        asked=(),
        input_verdicts={},
        input_reasons=(),
    )
    return replace(_with_asks_closed(c), turn=turn)


def _speculation_dropped(c: Conversation, event: Event, p: d.SpeculationDropped) -> Conversation:
    if c.turn is None or c.turn.speculation != p.speculation:
        return c
    return replace(_with_asks_closed(c), turn=replace(c.turn, live=False))


def _turn_committed(c: Conversation, event: Event, p: d.TurnCommitted) -> Conversation:
    if c.turn is None:
        return c
    line = Line("caller", c.turn.question, c.turn.turn_id, event.seq)
    return replace(c, turn=replace(c.turn, committed=True), transcript=(*c.transcript, line))


def _turn_ended(c: Conversation, event: Event, p: d.TurnEnded) -> Conversation:
    turn = c.turn
    if turn is None:
        return c
    unanswered = turn.question if p.outcome == "superseded" and turn.committed else ""
    timers = {key: timer for key, timer in c.timers.items() if timer.turn_id != turn.turn_id}
    return replace(c, turn=None, asks={}, timers=timers, unanswered=unanswered)


# --- asks, outcomes, timers ------------------------------------------------------------------------------------------


def _asked(c: Conversation, event: Event, p: Any) -> Conversation:
    speculation = c.turn.speculation if c.turn else 0
    attempts = p.attempts if isinstance(p, d.CompletionAsked) else 1
    ask = Ask(p.ask_id, p, event.turn_id or "", speculation, attempts, event_id=event.event_id)
    c = replace(c, asks={**c.asks, p.ask_id: ask})
    if isinstance(p, d.CompletionAsked) and c.turn:
        c = _mark_asked(_with_former_closed(c, ask, p.intent), c.turn, p.intent)
    return c


def _with_former_closed(c: Conversation, newest: Ask, intent: str) -> Conversation:
    """The request reads differently now: what still comes of the former one doesn't count."""
    asks = {
        key: replace(ask, open=False)
        if ask is not newest and isinstance(ask.payload, d.CompletionAsked) and ask.payload.intent == intent
        else ask
        for key, ask in c.asks.items()
    }
    return replace(c, asks=asks)


def _ask_repeated(c: Conversation, event: Event, p: d.AskRepeated) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open:
        return c
    again = replace(ask, generation=p.generation, done=frozenset(), event_id=event.event_id)
    return replace(c, asks={**c.asks, p.ask_id: again})


def _scores_returned(c: Conversation, event: Event, p: f.ScoresReturned) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open or c.turn is None:
        return c
    turn = c.turn
    if isinstance(ask.payload, d.ClassificationAsked):
        turn = replace(turn, scores=tuple(Probability(s.name, s.value) for s in p.scores))
    return replace(c, turn=turn, asks=_closed(c.asks, p.ask_id))


def _passages_found(c: Conversation, event: Event, p: f.PassagesFound) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open or c.turn is None:
        return c
    sources = tuple(Source(x.article_id, x.text, x.public) for x in read_passages(p.passages))
    return replace(c, turn=replace(c.turn, sources=sources), asks=_closed(c.asks, p.ask_id))


def _attempt_over(c: Conversation, event: Event, p: f.CompletionReturned | f.EffectFailed) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open:
        return c
    done = ask.done | {p.attempt}
    c = replace(c, asks={**c.asks, p.ask_id: replace(ask, done=done, open=len(done) < ask.attempts)})
    if len(done) < ask.attempts:
        return c
    if isinstance(p, f.EffectFailed) and c.turn:
        if isinstance(ask.payload, d.ClassificationAsked):
            return replace(c, turn=replace(c.turn, scores=()))
        if isinstance(ask.payload, d.PassagesAsked):
            return replace(c, turn=replace(c.turn, sources=()))
    return c


def _timer_set(c: Conversation, event: Event, p: d.TimerSet) -> Conversation:
    """An idle timer belongs to the conversation, not to the turn that set it, and takes the place of the one before."""
    idle = p.purpose == "idle"
    timer = Timer(p.timer_id, p.purpose, p.due_at_us, None if idle else event.turn_id)
    others = {key: other for key, other in c.timers.items() if not (idle and other.purpose == "idle")}
    return replace(c, timers={**others, p.timer_id: timer})


def _timer_fired(c: Conversation, event: Event, p: f.TimerFired) -> Conversation:
    timer = c.timers.get(p.timer_id)
    if timer is None:
        return c
    turn = c.turn
    if turn and timer.purpose == "give_up" and timer.turn_id == turn.turn_id and turn.committed:
        turn = replace(turn, giving_up=True)
    return replace(c, timers=_without(c.timers, p.timer_id), turn=turn)


# --- candidates ------------------------------------------------------------------------------------------------------


def _candidate_formed(c: Conversation, event: Event, p: d.CandidateFormed) -> Conversation:
    if c.turn is None:
        return c
    candidate = Candidate(
        candidate_id=p.candidate_id,
        speculation=p.speculation,
        intent=p.intent,
        action=p.action,
        origin=p.origin,
        text=p.text,
        ask_id=p.ask_id,
        digest=p.request_digest,
        step_id=p.step_id,
    )
    c = _with_candidate(c, c.turn, candidate)
    return _mark_asked(c, c.turn, p.intent) if c.turn else c


def _candidate_dropped(c: Conversation, event: Event, p: d.CandidateDropped) -> Conversation:
    return _set_fate(c, p.candidate_id, Fate.DROPPED)


def _candidate_accepted(c: Conversation, event: Event, p: d.CandidateAccepted) -> Conversation:
    c = _set_fate(c, p.candidate_id, Fate.ACCEPTED)
    candidate = c.turn.candidates.get(p.candidate_id) if c.turn else None
    if candidate and candidate.ask_id in c.asks:  # first acceptable wins: its sibling attempts are losers
        c = replace(c, asks=_closed(c.asks, candidate.ask_id))
    return c


def _verdict_issued(c: Conversation, event: Event, p: d.VerdictIssued) -> Conversation:
    turn = c.turn
    if turn is None or p.speculation != turn.speculation:
        return c
    if not p.candidate_id:
        verdicts = {**turn.input_verdicts, p.guardrail: p.passed or not p.required}
        return replace(c, turn=replace(turn, input_verdicts=verdicts, input_reasons=(*turn.input_reasons, *p.reasons)))
    candidate = turn.candidates.get(p.candidate_id)
    if candidate is None:
        return c
    verdicts = {**candidate.verdicts, p.guardrail: p.passed or not p.required}
    return _with_candidate(c, turn, replace(candidate, verdicts=verdicts))


def _chosen(c: Conversation, event: Event, p: d.Spoken) -> Conversation:
    c = _set_fate(_with_asks_closed(c), p.candidate_id, Fate.CHOSEN)
    return replace(c, turn=replace(c.turn, chosen=p.candidate_id)) if c.turn else c


# --- what was played -------------------------------------------------------------------------------------------------


def _speech_started(c: Conversation, event: Event, p: f.SpeechStarted) -> Conversation:
    turn = c.turn
    if turn is None or p.candidate_id not in turn.candidates or turn.started:
        return c
    if p.take != c.take:  # it comes late, from a gateway that lost the call: by now the reply is chosen for another one
        return c
    timers = {key: timer for key, timer in c.timers.items() if timer.turn_id != turn.turn_id}
    return replace(c, turn=replace(turn, started=p.candidate_id), timers=timers)


def _speech_progressed(c: Conversation, event: Event, p: f.SpeechProgressed) -> Conversation:
    if c.turn is None or c.turn.started != p.candidate_id:
        return c
    return replace(c, turn=replace(c.turn, spoken_so_far=p.spoken_so_far))


def _speech_completed(c: Conversation, event: Event, p: f.SpeechCompleted) -> Conversation:
    candidate = _current(c, p.candidate_id)
    if candidate is None:
        return c
    c = _say(c, event, p.spoken)
    procedures, opened = c.procedures, c.open_procedure
    if candidate.step_id:
        opened = candidate.step_id.partition("/")[0]
        procedures = {**procedures, opened: procedures.get(opened, 0) + 1}
    clarified = c.clarified + 1 if candidate.action == "clarify" else 0
    return replace(c, procedures=procedures, open_procedure=opened, clarified=clarified)


def _speech_interrupted(c: Conversation, event: Event, p: f.SpeechInterrupted) -> Conversation:
    candidate = _current(c, p.candidate_id)
    if candidate is None:
        return c
    c = _say(c, event, p.spoken_so_far) if p.spoken_so_far else c
    return replace(c, interrupted=Interrupted(candidate.text, p.spoken_so_far, candidate.intent))


def _speech_failed(c: Conversation, event: Event, p: f.SpeechFailed) -> Conversation:
    if _current(c, p.candidate_id) is None or c.turn is None:
        return c
    c = _set_fate(c, p.candidate_id, Fate.DROPPED)
    return replace(c, turn=replace(c.turn, chosen=None)) if c.turn else c


def _reply_refused(c: Conversation, event: Event, p: f.ReplyRefused) -> Conversation:
    turn = c.turn
    if turn is None or turn.chosen != p.candidate_id or turn.started or p.reason not in ("superseded", "other_take"):
        return c
    return replace(c, turn=_unchoose(turn))


def _holding_played(c: Conversation, event: Event, p: f.HoldingPlayed) -> Conversation:
    turn = replace(c.turn, holds=c.turn.holds + 1) if c.turn else None
    return _say(replace(c, turn=turn, last_hold=p.phrase_id), event, p.text)


def _fallback_played(c: Conversation, event: Event, p: f.FallbackPlayed) -> Conversation:
    return _say(c, event, p.text)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _say(c: Conversation, event: Event, text: str) -> Conversation:
    turn_id = event.turn_id or (c.turn.turn_id if c.turn else "")
    return replace(c, transcript=(*c.transcript, Line("agent", text, turn_id, event.seq)))


def _current(c: Conversation, candidate_id: str) -> Candidate | None:
    """The chosen candidate if ``candidate_id`` is it: reports on anything else are late."""
    if c.turn is None or c.turn.chosen != candidate_id:
        return None
    return c.turn.candidates.get(candidate_id)


def _unchoose(turn: Turn) -> Turn:
    candidate = turn.candidates[turn.chosen or ""]
    candidates = {**turn.candidates, candidate.candidate_id: replace(candidate, fate=Fate.ACCEPTED)}
    return replace(turn, chosen=None, candidates=candidates)


def _with_candidate(c: Conversation, turn: Turn, candidate: Candidate) -> Conversation:
    return replace(c, turn=replace(turn, candidates={**turn.candidates, candidate.candidate_id: candidate}))


def _set_fate(c: Conversation, candidate_id: str, fate: Fate) -> Conversation:
    candidate = c.turn.candidates.get(candidate_id) if c.turn else None
    return _with_candidate(c, c.turn, replace(candidate, fate=fate)) if c.turn and candidate else c


def _mark_asked(c: Conversation, turn: Turn, intent: str) -> Conversation:
    return c if intent in turn.asked else replace(c, turn=replace(turn, asked=(*turn.asked, intent)))


def _with_asks_closed(c: Conversation) -> Conversation:
    """All asks belong to the open turn's speculation: with it, what is still to come becomes a loser's."""
    return replace(c, asks={key: replace(ask, open=False) for key, ask in c.asks.items()})


def _closed(asks: dict[str, Ask], ask_id: str) -> dict[str, Ask]:
    return {**asks, ask_id: replace(asks[ask_id], open=False)}


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if k != key}


_REDUCERS: dict[type, _Reducer] = {
    f.CallTaken: _call_taken,
    f.CallAnswered: _call_answered,
    f.CallerSpeechStarted: _caller_speech_started,
    f.CallerSpeechDismissed: _caller_speech_dismissed,
    f.UtteranceHeard: _utterance_heard,
    f.UtteranceResumed: _utterance_resumed,
    f.ScoresReturned: _scores_returned,
    f.PassagesFound: _passages_found,
    f.CompletionReturned: _attempt_over,
    f.EffectFailed: _attempt_over,
    f.TimerFired: _timer_fired,
    f.SpeechStarted: _speech_started,
    f.SpeechProgressed: _speech_progressed,
    f.SpeechCompleted: _speech_completed,
    f.SpeechInterrupted: _speech_interrupted,
    f.SpeechFailed: _speech_failed,
    f.ReplyRefused: _reply_refused,
    f.HoldingPlayed: _holding_played,
    f.FallbackPlayed: _fallback_played,
    d.ConversationOpened: _conversation_opened,
    d.ConversationClosed: _conversation_closed,
    d.StandingGranted: _standing_granted,
    d.TurnOpened: _turn_opened,
    d.SpeculationOpened: _speculation_opened,
    d.SpeculationDropped: _speculation_dropped,
    d.TurnCommitted: _turn_committed,
    d.TurnEnded: _turn_ended,
    d.ClassificationAsked: _asked,
    d.PassagesAsked: _asked,
    d.CompletionAsked: _asked,
    d.GuardrailAsked: _asked,
    d.AskRepeated: _ask_repeated,
    d.CandidateFormed: _candidate_formed,
    d.CandidateDropped: _candidate_dropped,
    d.CandidateAccepted: _candidate_accepted,
    d.VerdictIssued: _verdict_issued,
    d.ReplyChosen: _chosen,
    d.EscalationChosen: _chosen,
    d.CloseChosen: _chosen,
    d.TimerSet: _timer_set,
}
