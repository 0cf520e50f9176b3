"""What was really played, and how far it was heard."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Candidate, Conversation, Fate, Interrupted, Line, Offer
from agent_core.reducers.changes import Reducer, unchoose, with_candidate
from agent_core.reducers.writing import heard_to_the_end, with_answer_turn
from agent_core.wording import remainder, to_be_said
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Happening


def _speech_started(c: Conversation, event: Happening, p: f.SpeechStarted) -> Conversation:
    turn = c.turn
    if turn is None or p.candidate_id not in turn.candidates or turn.started:
        return c
    if p.take != c.take:  # it comes late, from a gateway that lost the call: by now the reply is chosen for another one
        return c
    goes_on = turn.candidates[p.candidate_id].more  # then verdicts and sentences of it are still waited for
    timers = {
        key: timer
        for key, timer in c.timers.items()
        if timer.turn_id != turn.turn_id or (goes_on and timer.purpose != "give_up")
    }
    offer = c.offer if turn.candidates[p.candidate_id].action == "fallback" else None  # an answer came after all
    c = with_answer_turn(c)
    # What a gateway says it was told to say. It isn't chosen by now where a former one, which told no take, reported late that
    # its voice failed.
    said = replace(turn.candidates[p.candidate_id], fate=Fate.CHOSEN, voice_failed=False)
    c = with_candidate(c, replace(turn, chosen=p.candidate_id, started=p.candidate_id), said)
    return replace(c, timers=timers, offer=offer)


def _speech_progressed(c: Conversation, event: Happening, p: f.SpeechProgressed) -> Conversation:
    if c.turn is None or c.turn.started != p.candidate_id:
        return c
    return replace(c, turn=replace(c.turn, spoken_so_far=p.spoken_so_far))


def _speech_completed(c: Conversation, event: Happening, p: f.SpeechCompleted) -> Conversation:
    candidate = _current(c, p.candidate_id)
    if candidate is None:
        return c
    return _heard_out(_say(c, event, p.spoken), event, candidate)


def _heard_out(c: Conversation, event: Happening, candidate: Candidate) -> Conversation:
    c = heard_to_the_end(c, event, candidate.candidate_id)
    procedures, opened = c.procedures, c.open_procedure
    if candidate.step_id:
        opened = candidate.step_id.partition("/")[0]
        procedures = {**procedures, opened: procedures.get(opened, 0) + 1}
    clarified = c.clarified + 1 if candidate.action == "clarify" else 0
    return replace(c, procedures=procedures, open_procedure=opened, clarified=clarified)


def _speech_interrupted(c: Conversation, event: Happening, p: f.SpeechInterrupted) -> Conversation:
    candidate = _current(c, p.candidate_id)
    if candidate is None:
        return c
    c = replace(c, stopped_for=p.candidate_id)
    c = _say(c, event, p.spoken_so_far) if p.spoken_so_far else c
    if c.turn_is_of_another:  # the rest isn't for whoever is there now
        return c
    text = to_be_said(c.behaviour, candidate) if candidate.more else candidate.text
    cut = Interrupted(text, p.spoken_so_far, candidate.intent)
    if not remainder(cut):  # only the silence behind the last word was: whoever answers promptly speaks over it
        return _heard_out(c, event, candidate)
    return replace(c, interrupted=cut)


def _interruption_judged(c: Conversation, event: Happening, p: d.InterruptionJudged) -> Conversation:
    return replace(c, stopped_for="")


def _speech_failed(c: Conversation, event: Happening, p: f.SpeechFailed) -> Conversation:
    candidate = _current(c, p.candidate_id)
    if candidate is None or c.turn is None or p.take not in (None, c.take):
        return c
    failed = replace(candidate, fate=Fate.DROPPED, voice_failed=True)
    return with_candidate(c, replace(c.turn, chosen=None), failed)


def _reply_refused(c: Conversation, event: Happening, p: f.ReplyRefused) -> Conversation:
    turn = c.turn
    if turn is None or turn.chosen != p.candidate_id or turn.started or p.reason not in ("superseded", "other_take"):
        return c
    return replace(c, turn=unchoose(turn))


def _holding_played(c: Conversation, event: Happening, p: f.HoldingPlayed) -> Conversation:
    turn = replace(c.turn, holds=c.turn.holds + 1) if c.turn else None
    offer = Offer(p.phrase_id, event.turn_id or (c.turn.turn_id if c.turn else ""))
    return _say(replace(c, turn=turn, last_hold=p.phrase_id, offer=offer), event, p.text)


def _fallback_played(c: Conversation, event: Happening, p: f.FallbackPlayed) -> Conversation:
    """It may come in the place of what a reply waited for in vain, a sentence or a voice: what was heard of it counts."""
    turn = c.turn
    started = turn.candidates.get(turn.started or "") if turn and turn.turn_id == event.turn_id else None
    if turn and started and turn.spoken_so_far:
        c = _say(c, event, turn.spoken_so_far)
    return _say(c, event, p.text)


def _say(c: Conversation, event: Happening, text: str) -> Conversation:
    if c.turn_is_of_another:  # said to somebody else: it isn't repeated to whoever is there now
        return c
    c = with_answer_turn(c)
    turn_id = event.turn_id or (c.turn.turn_id if c.turn else "")
    return replace(c, transcript=(*c.transcript, Line("agent", text, turn_id, event.seq)))


def _current(c: Conversation, candidate_id: str) -> Candidate | None:
    """The chosen candidate if ``candidate_id`` is it: reports on anything else are late."""
    if c.turn is None or c.turn.chosen != candidate_id:
        return None
    return c.turn.candidates.get(candidate_id)


REDUCERS: dict[type, Reducer] = {
    f.SpeechStarted: _speech_started,
    f.SpeechProgressed: _speech_progressed,
    f.SpeechCompleted: _speech_completed,
    f.SpeechInterrupted: _speech_interrupted,
    d.InterruptionJudged: _interruption_judged,
    f.SpeechFailed: _speech_failed,
    f.ReplyRefused: _reply_refused,
    f.HoldingPlayed: _holding_played,
    f.FallbackPlayed: _fallback_played,
}
